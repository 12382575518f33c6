import { setTimeout as sleep } from 'node:timers/promises';
import { VelocityError } from '../../errors.ts';
import type { KubernetesClient } from './client.ts';
import { Lease } from './lease.ts';

/** An apply that died with the lock keeps the others waiting this long. */
const durationMs = 15_000;
const renewEveryMs = 5_000;
/** Between two looks at a lock that somebody else has. */
const pollMs = 50;
/** A thousand schemas are applied in some ten seconds. */
const waitMsMax = 60_000;

export interface ApplyLock {
  /** Runs one piece of work at a time, among all processes. `proceed` throws when it is lost. */
  run<T>(work: (proceed: () => void) => Promise<T>): Promise<T>;
}

/**
 * Rules that look at several resources hold only while nobody else adds to them: sets are admitted
 * and written one after the other. Within the process they queue, so that one of it asks for the
 * Lease at a time.
 */
export function createApplyLock(client: KubernetesClient, holder: string): ApplyLock {
  let last: Promise<unknown> = Promise.resolve();
  const lease = new Lease({ client, name: 'velocity-apply', holder, durationMs });

  async function runHolding<T>(work: (proceed: () => void) => Promise<T>): Promise<T> {
    await take(lease);
    let renewing: Promise<unknown> = Promise.resolve();
    const renewal = setInterval(() => {
      renewing = lease.tryHold().catch(() => undefined);
    }, renewEveryMs);
    const proceed = (): void => {
      if (!lease.isHeld) throw busy('The lock on applying was lost meanwhile.');
    };
    try {
      return await work(proceed);
    } finally {
      clearInterval(renewal);
      // A renewal that arrived after the release would hold the lock for nobody.
      await renewing;
      await lease.release().catch(() => undefined);
    }
  }

  return {
    run: (work) => {
      const mine = last.then(() => runHolding(work));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

async function take(lease: Lease): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await lease.tryHold())) {
    if (performance.now() > deadline) throw busy('Another apply has been going on for too long.');
    await sleep(pollMs * (0.5 + Math.random()));
  }
}

function busy(message: string): VelocityError {
  return new VelocityError('KUBERNETES_UNAVAILABLE', message, { hint: 'Send it again.' });
}
