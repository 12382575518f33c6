import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState } from '../store/database-error.ts';
import type { OpenTransaction } from '../store/pool.ts';
import type { ActivityDeps } from './deps.ts';

/** DDL that waits for a lock makes everyone behind it wait too: it gives up after this. */
const lockTimeoutMs = 500;
/** Tries within one attempt of the activity; a reader that stays longer costs further attempts. */
const lockTriesMax = 10;
const lockPauseMs = { min: 100, max: 1_000 };

/** Autovacuum gives way to whoever has waited for it so long (migrations/0021). */
const vacuumGivesWayAfterMs = 20;

const limits = `
  select set_config('lock_timeout', '${lockTimeoutMs}ms', true),
         case when has_parameter_privilege('deadlock_timeout', 'SET')
              then set_config('deadlock_timeout', '${vacuumGivesWayAfterMs}ms', true) end`;

/**
 * Of a deadlock too it is the one that steps back: it looks for them sooner than the traffic does.
 * And a batch may meet a record that a write has just moved to another partition (40001).
 */
const inTheWay: ReadonlySet<string | undefined> = new Set(['55P03', '40P01', '40001']);

/**
 * Runs `work`, which changes the catalogue, in one transaction that never queues behind a long
 * reader: it steps back, lets the traffic pass and comes again after a random while.
 */
export async function runDdl<T>(
  { pool, random }: Pick<ActivityDeps, 'pool' | 'random'>,
  work: (tx: OpenTransaction) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await pool.transaction(async (tx) => {
        await tx.query({ text: limits });
        return work(tx);
      });
    } catch (error) {
      if (!steppedBack(error) || tries >= lockTriesMax || signal?.aborted === true) throw error;
      const { min, max } = lockPauseMs;
      await sleep(min + random() * (max - min));
    }
  }
}

function steppedBack(error: unknown): boolean {
  const state = sqlState(error) ?? (error instanceof Error ? sqlState(error.cause) : undefined);
  return inTheWay.has(state);
}
