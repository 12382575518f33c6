import { ApplicationFailure } from '@temporalio/common';
import { outboxTableName } from '../../schema/compile.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import { sqlState } from '../../store/database-error.ts';
import type { Pool, Transaction } from '../../store/pool.ts';
import type { OutboxPlace } from '../sql/outbox.ts';
import { advancePosition, findPending, findPosition } from '../sql/outbox.ts';
import type { VersionMigration } from '../sql/version-migrations.ts';
import { lockMigration, updateMigration } from '../sql/version-migrations.ts';
import type { GatheredMigration } from './gather-migration.ts';

/** Changes taken over in one transaction, some 100 ms of work. */
const followedMax = 5_000;
/** An attempt that was given up may still be under way somewhere: it finds the state changed. */
const runs: ReadonlySet<string> = new Set(['copying', 'inStep']);
/** unique_violation, foreign_key_violation: half of several changes may meet the other half. */
const halfWay = new Set(['23505', '23503']);

export interface Followed {
  readonly rows: number;
  /** Nothing that is committed was left. */
  readonly caughtUp: boolean;
  /** Some of it is done with; otherwise a transaction that is open keeps all of it for the next time. */
  readonly settled: boolean;
}

/**
 * Runs `work` behind the changes that are pending, all in one snapshot. Then what the new table holds
 * is what the old one held at one instant, so no constraint that holds there can fail here. Should
 * the limit have cut through changes that belong together, all that is pending is taken at once.
 */
export async function inOneSnapshot<T>(
  pool: Pool,
  gathered: GatheredMigration,
  work: (tx: Transaction, followed: Followed, migration: VersionMigration) => Promise<T>,
): Promise<T> {
  const run = (limit: number): Promise<T> =>
    pool.transaction(async (tx) => {
      await tx.query({ text: 'set transaction isolation level repeatable read' });
      await asMigration(tx, gathered.migration);
      const migration = await lockMigration(tx, gathered.migration.id);
      if (migration === undefined || !runs.has(migration.state)) {
        throw ApplicationFailure.nonRetryable('the migration does not run any more', 'Ended');
      }
      const followed = await followOutbox(tx, gathered, limit);
      if (followed.rows > 0) {
        await updateMigration(tx, migration.id, { followed: migration.followed + followed.rows });
      }
      return work(tx, followed, migration);
    });
  try {
    return await run(followedMax);
  } catch (error) {
    if (!halfWay.has(sqlState(error) ?? '')) throw error;
    return run(Number.MAX_SAFE_INTEGER);
  }
}

/** The only session that may write into a table that takes records over, and in whose name. */
export async function asMigration(tx: Transaction, migration: VersionMigration): Promise<void> {
  await tx.query({
    text: `select set_config('velocity.migration', $1::text, true), set_config('velocity.actor', $2::text, true)`,
    values: [migration.id, migration.requestedBy],
  });
}

/**
 * Takes over what has changed behind the consumer's position, at most `limit` changes. Each record is
 * taken as it is in this snapshot, so doing it again changes nothing. The position moves no further
 * than what no late commit can still come before; what lies beyond is taken again the next time.
 */
export async function followOutbox(
  tx: Transaction,
  { from, copy, consumer }: GatheredMigration,
  limit: number,
): Promise<Followed> {
  const outbox = quoteQualified(from.pgNamespace, outboxTableName(from.name, from.spec.version));
  const after = await findPosition(tx, consumer);
  if (after === undefined) throw new Error('the consumer has no position');
  const { rows, last, settled } = await findPending(tx, outbox, { after, limit });
  if (last === undefined) return { rows: 0, caughtUp: true, settled: false };
  const between = placesOf(after, last);
  await tx.query({ text: copy.forget, values: between });
  await tx.query({ text: copy.follow, values: between });
  if (settled !== undefined) await advancePosition(tx, { ...consumer, outbox, place: settled });
  return { rows, caughtUp: rows < limit, settled: settled !== undefined };
}

function placesOf(after: OutboxPlace, upTo: OutboxPlace): string[] {
  return [after.xid, after.id, upTo.xid, upTo.id];
}
