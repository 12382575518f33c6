import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { ResourceRef } from '../contract/names.ts';
import type { Transaction } from '../store/pool.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import type { Job } from './durable.ts';
import { gatherSchema } from './gather-schema.ts';
import { runDdl } from './run-ddl.ts';

/** Rows of one transaction: as many as take so long, which is how long a writer of one may wait. */
const batchMs = 10;
const batchSize = { first: 500, min: 250, max: 2_000 } as const;
/** Rest after each batch, in its own times: requests find a core free, and the disk. */
const restShare = 1;
/** A machine that is slow by itself is not helped by longer rests. */
const restMaxMs = 30;
/** One activity works this long, so that the workflow can say how far it is. */
const sliceMs = 20_000;
/** Before every id that a record can have. */
export const firstId = '00000000-0000-0000-0000-000000000000';

export interface BackfillSlice {
  readonly ref: ResourceRef;
  readonly planHash: string;
  readonly step: string;
  readonly from: BackfillProgress | undefined;
}

export interface BackfillProgress {
  /** Id of the last record that was looked at. */
  readonly after: string;
  readonly seen: number;
  readonly filled: number;
  /** As Postgres estimates it. */
  readonly records: number;
  readonly done: boolean;
}

/**
 * Fills in existing records, in the order of their ids, in batches that commit one by one. Writes no
 * versions and no history: each batch is one entry of the audit. Begun again after a crash it goes
 * on behind the last batch that Temporal heard of, and finds those after it done.
 */
export async function backfillRecords(
  deps: ActivityDeps,
  { ref, planHash, step, from }: BackfillSlice,
  job?: Job,
): Promise<BackfillProgress> {
  const resumed = job?.resumeFrom as BackfillProgress | undefined;
  const gathered = await gatherSchema(deps, ref);
  let reached = resumed ?? from ?? { after: firstId, seen: 0, filled: 0, records: 0, done: false };
  if (gathered === undefined || gathered.plan.hash !== planHash) return { ...reached, done: true };
  const { plan, schema } = gathered;
  const sql = plan.steps.find(({ name }) => name === step)?.sql;
  if (sql === undefined) throw new Error(`the plan has no step ${step}`);
  reached = { ...reached, records: plan.rows };
  const until = deps.now().getTime() + sliceMs;
  let size: number = batchSize.first;
  while (!reached.done && deps.now().getTime() < until) {
    job?.signal.throwIfAborted();
    const startedAt = performance.now();
    const batch = await fillBatch(deps, { sql, planHash, after: reached.after, size }, job?.signal);
    const tookMs = performance.now() - startedAt;
    reached = {
      ...reached,
      after: batch.last ?? reached.after,
      seen: reached.seen + batch.seen,
      filled: reached.filled + batch.filled,
      done: batch.seen < size,
    };
    job?.progress(reached);
    size = nextSize(size, tookMs);
    if (!reached.done) await sleep(Math.min(restMaxMs, tookMs * restShare));
  }
  const message = `fills in existing records: ${reached.seen} of about ${Math.max(plan.rows, reached.seen)}`;
  await concludeNotReady(deps, schema, { phase: 'Provisioning', reason: 'Applying', message });
  return reached;
}

/** Towards the size that takes `batchMs`, at most twice as many as before. */
function nextSize(size: number, tookMs: number): number {
  const wanted = size * Math.min(2, batchMs / tookMs);
  return Math.round(Math.min(batchSize.max, Math.max(batchSize.min, wanted)));
}

interface FilledBatch {
  readonly last: string | null;
  readonly seen: number;
  readonly planned: number;
  readonly filled: number;
}

async function fillBatch(
  deps: ActivityDeps,
  batch: { sql: string; planHash: string; after: string; size: number },
  signal: AbortSignal | undefined,
): Promise<FilledBatch> {
  const { sql, planHash, after, size } = batch;
  const fill = async (tx: Transaction): Promise<FilledBatch> => {
    await tx.query({
      text: `select set_config('velocity.migration', $1::text, true)`,
      values: [planHash],
    });
    const { rows } = await tx.query<FilledBatch>({ text: sql, values: [after, size] });
    const [filled] = rows;
    // A policy or a trigger that swallows rows would leave them without a value in silence.
    if (filled === undefined || filled.filled !== filled.planned) {
      const message = `a batch filled in ${filled?.filled} of ${filled?.planned} records`;
      throw ApplicationFailure.nonRetryable(message, 'BackfillFellShort');
    }
    return filled;
  };
  return runDdl(deps, fill, signal);
}
