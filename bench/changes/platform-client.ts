import { setTimeout as sleep } from 'node:timers/promises';

/** As much as is looked at of a schema's status. */
interface Found {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly activeRevision?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly reason: string;
      readonly message: string;
    }[];
    readonly plan?: {
      readonly hash: string;
      readonly steps: readonly { readonly class: string }[];
    };
  };
}

export interface Applied {
  /** Breaking where it waited for an approval, else of the most disturbing step; undefined where none is. */
  readonly class: string | undefined;
  readonly revision: number;
}

export interface PlatformClient {
  /** Applies manifests as one set. */
  apply(manifests: readonly object[]): Promise<void>;
  /** Applies a schema, approves its plan where that is asked for, and waits until it is served. */
  change(manifest: object): Promise<Applied>;
}

const pollMs = 20;
const classes = ['breaking', 'online', 'safe'];

/** What `velocity apply` and `velocity approve` do, over the same routes. */
export function openPlatformClient(options: {
  readonly url: string;
  readonly adminKey: string;
  readonly withinMs: number;
}): PlatformClient {
  const { url, adminKey, withinMs } = options;
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 2_000)}`);
    return (JSON.parse(text) as { data: unknown }).data;
  };
  const apply = async (manifests: readonly object[]): Promise<void> => {
    await send('POST', '/api/platform/objects', { items: manifests });
  };
  return {
    apply,
    async change(manifest) {
      const { metadata } = manifest as { metadata: { namespace: string; name: string } };
      await apply([manifest]);
      const place = `${metadata.namespace}/${metadata.name}`;
      const deadline = performance.now() + withinMs;
      let approved: string | undefined;
      for (;;) {
        const path = `/api/platform/objects/SchemaDefinition/${place}`;
        const { metadata: meta, status } = (await send('GET', path)) as Found;
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        const about = `${place} is ${status?.phase}: ${ready?.message}`;
        if (status?.observedGeneration === meta.generation) {
          const { phase, plan } = status;
          if (phase === 'Ready') return appliedOf(status, approved !== undefined);
          if (phase === 'Failed' || phase === 'Frozen') throw new Error(about);
          if (phase === 'AwaitingApproval' && plan !== undefined && plan.hash !== approved) {
            approved = plan.hash;
            await send('POST', `/api/platform/schema-plans/${place}/approve`, { plan: plan.hash });
          }
        }
        if (performance.now() > deadline) throw new Error(about);
        await sleep(pollMs);
      }
    },
  };
}

function appliedOf(
  { plan, activeRevision }: NonNullable<Found['status']>,
  wasApproved: boolean,
): Applied {
  const found = classes.find((each) => plan?.steps.some((step) => step.class === each));
  return { class: wasApproved ? 'breaking' : found, revision: activeRevision ?? 0 };
}
