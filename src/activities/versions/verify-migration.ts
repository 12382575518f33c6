import { ApplicationFailure } from '@temporalio/common';
import { firstId } from '../backfill-records.ts';
import type { ActivityDeps } from '../deps.ts';
import type { Job } from '../durable.ts';
import { findPosition } from '../sql/outbox.ts';
import { getMigration } from './copy-records.ts';
import type { MigrationStep } from './gather-migration.ts';

/** Counting ends at a thousand. */
const countedMax = 1_000;
/** Records that are compared in one statement. */
const comparedMax = 5_000;
const sliceMs = 20_000;

/** Before anything is copied: every record fits, or the migration ends and says which does not. */
export async function checkRecords(
  deps: ActivityDeps,
  step: MigrationStep,
  job?: Pick<Job, 'signal'>,
): Promise<void> {
  const { copy, migration } = await getMigration(deps, step);
  // Later on the ids of both are the same on purpose, and each change is held by the table itself.
  // Where there was nothing to copy, no id says so, but the state.
  if (migration.state === 'inStep' || migration.copiedUpTo !== null) return;
  const problems: string[] = [];
  for (const { sql, unfit } of copy.checks) {
    job?.signal.throwIfAborted();
    const { rows } = await deps.pool.query<{ records: number; example: string | null }>({
      text: sql,
    });
    const { records = 0, example } = rows[0] ?? {};
    if (records === 0) continue;
    problems.push(describeUnfit(records, unfit, example));
  }
  if (problems.length === 0) return;
  throw ApplicationFailure.nonRetryable(problems.join('; '), 'DataDoesNotFit');
}

/** `unfit` speaks of several: `have no title`, `share their code with others`. */
function describeUnfit(records: number, unfit: string, example: string | null | undefined): string {
  if (records === 1) {
    const [verb = '', ...rest] = unfit.split(' ');
    return `1 record ${verb === 'have' ? 'has' : `${verb}s`} ${rest.join(' ')}: ${example}`;
  }
  const count = records >= countedMax ? `at least ${countedMax}` : String(records);
  return `${count} records ${unfit}, ${example} for one`;
}

export interface CompareSlice extends MigrationStep {
  readonly from: Compared | undefined;
}

export interface Compared {
  readonly after: string;
  readonly compared: number;
  readonly done: boolean;
}

/**
 * Compares every record with what it became. One that has changed since, and is still in the outbox,
 * is left out: each statement sees tables and outbox in one snapshot.
 */
export async function compareRecords(
  deps: ActivityDeps,
  { from: reached, ...step }: CompareSlice,
  job?: Job,
): Promise<Compared> {
  const { copy, consumer } = await getMigration(deps, step);
  const resumed = job?.resumeFrom as Compared | undefined;
  let { after, compared, done } = resumed ??
    reached ?? { after: firstId, compared: 0, done: false };
  const until = performance.now() + sliceMs;
  while (!done && performance.now() < until) {
    job?.signal.throwIfAborted();
    const place = await findPosition(deps.pool, consumer);
    const { rows } = await deps.pool.query<ComparedBatch>({
      text: copy.compare,
      values: [after, comparedMax, place?.xid, place?.id],
    });
    const [batch] = rows;
    if (batch === undefined || batch.different > 0) {
      const message = `${batch?.different} records differ from what they were copied from, ${batch?.example} for one`;
      throw ApplicationFailure.nonRetryable(message, 'CopyDiffers');
    }
    after = batch.last ?? after;
    compared += batch.seen;
    done = batch.seen < comparedMax;
    job?.progress({ after, compared, done });
  }
  return { after, compared, done };
}

interface ComparedBatch {
  readonly last: string | null;
  readonly seen: number;
  readonly different: number;
  readonly example: string | null;
}
