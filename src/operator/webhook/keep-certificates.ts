import { setTimeout as sleep } from 'node:timers/promises';
import type { Observe } from '../../observe.ts';
import type { KeyedCertificate } from './certificate.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { Lifetimes } from './decide-certificates.ts';
import { decideCertificates, trustBundle } from './decide-certificates.ts';

export interface KeepCertificatesOptions {
  readonly store: CertificateStore;
  readonly hosts: readonly string[];
  readonly lifetimes: Lifetimes;
  readonly serve: (certificate: KeyedCertificate) => void;
  readonly observe: Observe;
  readonly now: () => Date;
  readonly randomBytes: (size: number) => Buffer;
  /** Between two looks. */
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

/** Replicas that write at the same time: one wins, the others read what it wrote. */
const attemptsMax = 5;

/**
 * Keeps the webhook's certificates valid until the signal: what all replicas share lies in a Secret,
 * whoever looks first renews it, everybody serves what is there, and the bundle that callers should
 * trust goes into the webhook's configurations. A look that fails leaves everything as it was.
 */
export async function keepCertificates(options: KeepCertificatesOptions): Promise<void> {
  const { observe, intervalMs, signal } = options;
  while (!signal.aborted) {
    try {
      await look(options);
    } catch (cause) {
      observe({ type: 'certificates.failed', cause });
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

async function look(options: KeepCertificatesOptions): Promise<void> {
  const { store, hosts, lifetimes, now, randomBytes } = options;
  const trusted = await store.readTrusted();
  for (let attempt = 1; ; attempt += 1) {
    const { state, version } = await store.read();
    const at = { now: now(), hosts, lifetimes, trusted, randomBytes };
    const next = decideCertificates(state, at);
    if (next !== state && !(await store.write(next, version))) {
      if (attempt < attemptsMax) continue;
      throw new Error(`the certificates were changed ${attemptsMax} times in a row`);
    }
    if (next !== state) options.observe({ type: 'certificates.renewed' });
    // Trust first: what is served may be new to whoever calls.
    await store.trust(trustBundle(next));
    options.serve(next.serving);
    return;
  }
}
