import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from './lease.ts';

export interface LeadershipTiming {
  readonly renewEveryMs: number;
  /** Between two tries to become the leader. */
  readonly retryMs: number;
}

export interface LeadershipOptions {
  readonly lease: Lease;
  readonly timing: LeadershipTiming;
  readonly signal: AbortSignal;
  /** Runs while this process leads; ends with its signal. */
  lead(signal: AbortSignal): Promise<void>;
  /** Neither taking nor renewing can be tried: nobody answers. */
  onError(cause: unknown): void;
}

/**
 * One leader at a time, as long as clocks run alike and nobody sleeps: for economy, never for
 * correctness. Whoever leads must bear that another one does so too. Resolves when aborted.
 */
export async function runAsLeader(options: LeadershipOptions): Promise<void> {
  const { lease, timing, signal, lead, onError } = options;
  const tryHold = () =>
    lease.tryHold().catch((cause: unknown) => {
      onError(cause);
      return false;
    });
  const pause = (ms: number, until: AbortSignal) =>
    sleep(ms, undefined, { signal: until }).catch(() => undefined);

  while (!signal.aborted) {
    if (!(await tryHold())) {
      await pause(timing.retryMs, signal);
      continue;
    }
    const lost = new AbortController();
    const ended = new AbortController();
    const renewing = (async () => {
      while (!ended.signal.aborted && lease.isHeld) {
        await pause(timing.renewEveryMs, ended.signal);
        if (!ended.signal.aborted) await tryHold();
      }
    })();
    // Beside the renewal: a request that nobody answers must not keep a leader in office.
    const watching = (async () => {
      while (!ended.signal.aborted && lease.isHeld) await pause(lease.heldForMs, ended.signal);
      lost.abort();
    })();
    try {
      await lead(AbortSignal.any([signal, lost.signal]));
    } finally {
      ended.abort();
      await Promise.all([renewing, watching]);
    }
  }
  await lease.release().catch(() => undefined);
}
