import { setTimeout as sleep } from 'node:timers/promises';
import { channels } from '../../contract/names.ts';
import type { ActivityDeps } from '../deps.ts';
import type { Job } from '../durable.ts';
import { findMigration } from '../sql/version-migrations.ts';
import { getMigration } from './copy-records.ts';
import { inOneSnapshot } from './follow-outbox.ts';
import type { MigrationStep } from './gather-migration.ts';
import { reportMigration } from './report-migration.ts';

/** A notification that was lost is made good after this time. */
const pollMs = 1_000;
/** One activity stays this long; its workflow then asks for another one. */
const stayMs = 3_600_000;

export interface InStep {
  /** False: it goes on being held, by the next activity. */
  readonly goOn: boolean;
}

/**
 * Takes over what changes in the old version, woken by its outbox, for as long as the migration is
 * held. Ends as soon as nothing is left to be taken over and nobody holds it (any more).
 */
export async function keepInStep(
  deps: ActivityDeps,
  step: MigrationStep,
  job?: Pick<Job, 'signal' | 'progress'>,
): Promise<InStep> {
  const gathered = await getMigration(deps, step);
  await reportMigration(deps, step.ref, step.id);
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(job === undefined ? [] : [job.signal])]);
  let wake: () => void = () => undefined;
  const listening = deps.listenTo(channels.outbox, () => wake(), signal);
  const until = performance.now() + stayMs;
  try {
    while (performance.now() < until) {
      job?.signal.throwIfAborted();
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const { caughtUp, rows, settled } = await inOneSnapshot(
        deps.pool,
        gathered,
        async (_tx, done) => done,
      );
      job?.progress({ rows });
      if (!caughtUp) {
        // The same again until that transaction ends, and what wakes it would only add to it.
        if (!settled) await pause(signal);
        continue;
      }
      const now = await findMigration(deps.pool, step.id);
      if (now?.hold !== true) return { goOn: true };
      const waiting = new AbortController();
      await Promise.race([woken, pause(AbortSignal.any([waiting.signal, signal]))]);
      waiting.abort();
    }
    return { goOn: false };
  } finally {
    ended.abort();
    await listening;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(pollMs, undefined, { signal }).catch(() => undefined);
}
