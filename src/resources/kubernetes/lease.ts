import type { KubernetesClient } from './client.ts';
import { ensureNamespace } from './ensure-namespace.ts';
import { KubernetesError } from './kubernetes-error.ts';

export interface LeaseOptions {
  readonly client: KubernetesClient;
  readonly name: string;
  /** Whoever holds it says who it is; no two alike. */
  readonly holder: string;
  /** A holder that does not renew it for this long has lost it. */
  readonly durationMs: number;
}

/**
 * Of the duration, how much its holder counts on: the rest is for the time that it takes to stop, as
 * client-go leaves it between its renew deadline and the lease's end.
 */
const ownShare = 2 / 3;

interface LeaseObject {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: LeaseSpec;
}

interface LeaseSpec {
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

/**
 * A Lease of coordination.k8s.io, held by at most one. Clocks are never compared: what another
 * holder wrote counts from when it was seen here to have changed, as client-go does it.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #seen: { readonly resourceVersion: string; readonly atMs: number } | undefined;
  #heldUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.heldForMs > 0;
  }

  /** By this process's own clock, which is the careful side: others count from later. */
  get heldForMs(): number {
    return Math.max(0, this.#heldUntilMs - performance.now());
  }

  /** Takes or renews it. False when somebody else has it, or was faster. */
  async tryHold(): Promise<boolean> {
    const { client, durationMs } = this.#options;
    const startedAt = performance.now();
    try {
      const current = await client.find<LeaseObject>({ method: 'GET', path: this.#path });
      if (current === undefined) await this.#create();
      else if (this.#mayTake(current)) await this.#replace(current);
      else return false;
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 409) return false;
      throw error;
    }
    this.#heldUntilMs = startedAt + durationMs * ownShare;
    this.#seen = undefined;
    return true;
  }

  /** Lets somebody else have it at once. A lease that cannot be let go of ends by itself. */
  async release(): Promise<void> {
    if (!this.isHeld) return;
    this.#heldUntilMs = Number.NEGATIVE_INFINITY;
    const { client, holder } = this.#options;
    const current = await client.find<LeaseObject>({ method: 'GET', path: this.#path });
    if (current?.spec.holderIdentity !== holder) return;
    const body = { ...current, spec: { ...current.spec, holderIdentity: '' } };
    await client.request({ method: 'PUT', path: this.#path, body });
  }

  get #path(): string {
    return `${this.#collection}/${this.#options.name}`;
  }

  get #collection(): string {
    const { namespace } = this.#options.client;
    return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  }

  #mayTake({ metadata: { resourceVersion }, spec }: LeaseObject): boolean {
    const { holder } = this.#options;
    if (!spec.holderIdentity || spec.holderIdentity === holder) return true;
    if (this.#seen?.resourceVersion !== resourceVersion) {
      this.#seen = { resourceVersion, atMs: performance.now() };
    }
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1_000;
    return performance.now() - this.#seen.atMs > durationMs;
  }

  async #create(): Promise<void> {
    const { client, name } = this.#options;
    const post = () =>
      client.request({
        ...{ method: 'POST', path: this.#collection },
        body: {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name },
          spec: this.#spec({}),
        },
      });
    try {
      await post();
    } catch (error) {
      // Only who finds no namespace needs the right to make one.
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error;
      await ensureNamespace(client, client.namespace);
      await post();
    }
  }

  async #replace(current: LeaseObject): Promise<void> {
    const body = { ...current, spec: this.#spec(current.spec) };
    await this.#options.client.request({ method: 'PUT', path: this.#path, body });
  }

  #spec(current: LeaseSpec): LeaseSpec {
    const { holder, durationMs } = this.#options;
    // MicroTime: six digits of a second.
    const now = new Date().toISOString().replace('Z', '000Z');
    const same = current.holderIdentity === holder;
    return {
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      renewTime: now,
      acquireTime: same ? (current.acquireTime ?? now) : now,
      leaseTransitions: (current.leaseTransitions ?? 0) + (same ? 0 : 1),
    };
  }
}
