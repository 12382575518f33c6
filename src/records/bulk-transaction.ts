import { VelocityError } from '../errors.ts';
import { contextStatement } from '../store/context.ts';
import { sqlState, toVelocityError } from '../store/database-error.ts';
import type { Transaction } from '../store/pool.ts';
import { withRetries } from '../store/retry.ts';
import type { Statement } from '../store/statement.ts';
import type { BulkOperation, RefusedRow } from './bulk-input.ts';
import type { BulkJob } from './bulk-job.ts';
import { judgeAgainstRecords } from './bulk-judgement.ts';
import type { RowResult } from './bulk-result.ts';
import { failedRow, writtenRow } from './bulk-result.ts';
import { staleVersion } from './expected-version.ts';
import { entityNotFound } from './get-record.ts';
import type { StoredAnswer } from './idempotent.ts';
import { claimOf, keepStatement, readAnswer } from './idempotent.ts';
import type { SetOutcome } from './sql/write-many.ts';
import { deleteRecords, insertRecords, updateRecords } from './sql/write-many.ts';

const kinds = ['create', 'update', 'delete'] as const;
type Kind = (typeof kinds)[number];

/** All of one kind, all or none: BEGIN, one statement and COMMIT in one round trip. */
export async function writeBulkPipelined(job: BulkJob): Promise<RowResult[]> {
  const [first] = job.operations;
  if (first === undefined) return [];
  const session = job.sessions.get(first.op) ?? job.fallback;
  const results = await job.ctx.deps.pipeline.transact<SetOutcome>(session, [
    ...guardsOf(job, job.operations),
    setStatement(job, first.op, job.operations, true),
  ]);
  return resultsOf(job, first.op, job.operations, results.at(-1)?.rows ?? []);
}

export interface BulkMode {
  readonly atomic: boolean;
  readonly refused: readonly RefusedRow[];
  readonly explain: (error: unknown) => unknown;
  /** The whole answer as text, to be kept for the idempotency key. */
  readonly bodyOf: (results: readonly RowResult[]) => string;
}

/**
 * One transaction on a connection of its own. Not atomic means: each set runs in a savepoint, and a
 * set that the database refuses is halved until the rows that are at fault stand alone. Since it is
 * still one transaction, an idempotency key covers all of it.
 */
export async function writeBulk(
  job: BulkJob,
  mode: BulkMode,
): Promise<{ results: readonly RowResult[]; stored?: undefined } | { stored: StoredAnswer }> {
  const { ctx } = job;
  try {
    const transaction = async (tx: Transaction): Promise<RowResult[]> => {
      await tx.query(contextStatement(job.fallback));
      const claim = claimOf(ctx);
      if (claim !== undefined) await tx.query(claim);
      const done: RowResult[] = [];
      for (const kind of kinds) {
        const operations = job.operations.filter((operation) => operation.op === kind);
        if (operations.length === 0) continue;
        await tx.query(contextStatement(job.sessions.get(kind) ?? job.fallback));
        const { ready, failed } = await judgeAgainstRecords(tx, job, operations, mode.atomic);
        done.push(...failed);
        done.push(
          ...(mode.atomic
            ? await writeSet(tx, job, kind, ready, true)
            : await writeHalving(tx, job, kind, ready, mode)),
        );
      }
      const keep = keepStatement(ctx, mode.bodyOf(done));
      if (keep !== undefined) await tx.query(keep);
      return done;
    };
    const results = await withRetries(() => ctx.deps.pool.transaction(transaction));
    return { results };
  } catch (error) {
    if (sqlState(error) !== 'VE002') throw error;
    return { stored: await readAnswer(ctx, job.fallback) };
  }
}

async function writeHalving(
  tx: Transaction,
  job: BulkJob,
  kind: Kind,
  operations: readonly BulkOperation[],
  mode: BulkMode,
): Promise<RowResult[]> {
  if (operations.length === 0) return [];
  await tx.query({ text: 'savepoint velocity_set' });
  try {
    const results = await writeSet(tx, job, kind, operations, false);
    await tx.query({ text: 'release savepoint velocity_set' });
    return results;
  } catch (error) {
    const refusal = mode.explain(toVelocityError(error));
    if (!(refusal instanceof VelocityError) || refusal.status >= 500) throw error;
    await tx.query({ text: 'rollback to savepoint velocity_set' });
    await tx.query({ text: 'release savepoint velocity_set' });
    const [only] = operations;
    if (only !== undefined && operations.length === 1)
      return [failedRow(only.index, only.op === 'create' ? undefined : only.id, refusal)];
    const half = Math.ceil(operations.length / 2);
    return [
      ...(await writeHalving(tx, job, kind, operations.slice(0, half), mode)),
      ...(await writeHalving(tx, job, kind, operations.slice(half), mode)),
    ];
  }
}

async function writeSet(
  tx: Transaction,
  job: BulkJob,
  kind: Kind,
  operations: readonly BulkOperation[],
  refusing: boolean,
): Promise<RowResult[]> {
  if (operations.length === 0) return [];
  for (const guard of guardsOf(job, operations)) await tx.query(guard);
  const { rows } = await tx.query<SetOutcome>(setStatement(job, kind, operations, refusing));
  return resultsOf(job, kind, operations, rows);
}

function guardsOf({ guards }: BulkJob, operations: readonly BulkOperation[]): readonly Statement[] {
  return guards(operations.filter((operation) => operation.op !== 'delete'));
}

function setStatement(
  job: BulkJob,
  kind: Kind,
  operations: readonly BulkOperation[],
  refusing: boolean,
): Statement {
  const { schema, guarded } = job;
  if (kind === 'create') {
    return insertRecords(
      schema,
      operations.filter((operation) => operation.op === 'create'),
      guarded,
    );
  }
  if (kind === 'update') {
    return updateRecords(
      schema,
      operations.filter((operation) => operation.op === 'update'),
      guarded,
      refusing,
    );
  }
  return deleteRecords(
    schema,
    operations.filter((operation) => operation.op === 'delete'),
    refusing,
  );
}

/** Rows of a set in the order of its operations; an INSERT answers none, since all is known. */
function resultsOf(
  job: BulkJob,
  kind: Kind,
  operations: readonly BulkOperation[],
  rows: readonly SetOutcome[],
): RowResult[] {
  if (kind === 'create') return operations.map((operation) => writtenRow(operation, 1));
  return operations.map((operation, place) => {
    const row = rows[place];
    if (row?.version !== null && row?.version !== undefined)
      return writtenRow(operation, row.version);
    const error =
      row?.current === null || row?.current === undefined
        ? entityNotFound(job.schema, operation.id)
        : staleVersion(operation.id, undefined, row.current);
    return failedRow(operation.index, operation.id, error);
  });
}
