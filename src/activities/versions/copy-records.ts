import { ApplicationFailure } from '@temporalio/common';
import { firstId } from '../backfill-records.ts';
import type { ActivityDeps } from '../deps.ts';
import type { Job } from '../durable.ts';
import { updateMigration } from '../sql/version-migrations.ts';
import { inOneSnapshot } from './follow-outbox.ts';
import type { GatheredMigration, MigrationStep } from './gather-migration.ts';
import { gatherMigration } from './gather-migration.ts';
import { reportMigration } from './report-migration.ts';

/** Records of one transaction: some 100 ms, with their history. Nobody waits for it. */
const batchSizeMax = 2_000;
/** One activity works this long, so that the workflow can say how far it is. */
const sliceMs = 20_000;

export interface CopyProgress {
  readonly copied: number;
  /** As Postgres estimates it. */
  readonly records: number;
  readonly done: boolean;
}

/**
 * Copies records in the order of their ids, in batches that commit one by one. How far it is stands
 * beside what was copied, in the same transaction, so whoever takes it up goes on exactly there.
 */
export async function copyRecords(
  deps: ActivityDeps,
  step: MigrationStep,
  job?: Pick<Job, 'signal' | 'progress'>,
): Promise<CopyProgress> {
  const gathered = await getMigration(deps, step);
  const until = performance.now() + sliceMs;
  let reached: CopyProgress;
  do {
    job?.signal.throwIfAborted();
    reached = await copyBatch(deps, gathered);
    job?.progress(reached);
  } while (!reached.done && performance.now() < until);
  await reportMigration(deps, step.ref, step.id);
  return reached;
}

interface CopiedBatch {
  readonly last: string | null;
  readonly seen: number;
  readonly copied: number;
}

function copyBatch({ pool }: ActivityDeps, gathered: GatheredMigration): Promise<CopyProgress> {
  return inOneSnapshot(pool, gathered, async (tx, _followed, migration) => {
    const { records, copiedUpTo, copied, state } = migration;
    if (state === 'inStep') return { copied, records, done: true };
    const { rows } = await tx.query<CopiedBatch>({
      text: gathered.copy.copy,
      values: [copiedUpTo ?? firstId, batchSizeMax],
    });
    const [batch] = rows;
    const done = (batch?.seen ?? 0) < batchSizeMax;
    const now = copied + (batch?.copied ?? 0);
    await updateMigration(tx, migration.id, {
      copied: now,
      ...(batch?.last && { copiedUpTo: batch.last }),
      ...(done && { state: 'inStep' }),
    });
    return { copied: now, records, done };
  });
}

/** Steps come after the migration was opened: what it needs being gone by now ends it. */
export async function getMigration(
  deps: ActivityDeps,
  step: MigrationStep,
): Promise<GatheredMigration> {
  const gathered = await gatherMigration(deps, step);
  if (gathered !== undefined) return gathered;
  const message = 'the schema, or one of its two versions, is gone';
  throw ApplicationFailure.nonRetryable(message, 'VersionGone');
}
