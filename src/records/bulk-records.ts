import { VelocityError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { toVelocityError } from '../store/database-error.ts';
import type { BulkKind, BulkOperation, RefusedRow } from './bulk-input.ts';
import { readBulk, refusalOf } from './bulk-input.ts';
import { looksAtRecord } from './bulk-judgement.ts';
import type { RowResult } from './bulk-result.ts';
import { failedRow } from './bulk-result.ts';
import { writeBulk, writeBulkPipelined } from './bulk-transaction.ts';
import { guardedReferences } from './guarded-references.ts';
import type { StoredAnswer } from './idempotent.ts';
import type { Writer } from './judge-policies.ts';
import { explainRefusal } from './refusal.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { requireRoom } from './require-room.ts';

export interface BulkSummary {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly failed: number;
}

export interface BulkAnswer {
  /** A JSON array of `{index, status, id?, version?, error?}`, in the order of the rows. */
  readonly data: string;
  readonly summary: BulkSummary;
  readonly replayed: boolean;
  /** The first row that a layer of access refused, for the audit. */
  readonly denied?: NonNullable<RowResult['error']>;
}

/**
 * Many writes of one schema in one transaction, set by set: all or none, or, with `atomic` false, each
 * row that can be written and an error for each that cannot. A record occurs once in a bulk.
 */
export async function bulkRecords(
  ctx: RequestContext,
  schema: CompiledSchema,
  rows: readonly unknown[],
  options: { readonly atomic: boolean },
): Promise<BulkAnswer> {
  const writers = new Map<BulkKind, Writer>();
  const writerFor = (kind: BulkKind): Writer => {
    const known = writers.get(kind);
    if (known !== undefined) return known;
    const access = authorizeWrite(ctx, schema, kind);
    const writer = { ctx, access, caller: callerFor(ctx, access, kind) };
    writers.set(kind, writer);
    return writer;
  };
  const { operations, refused } = readBulk(schema, rows, writerFor, ctx.deps.newId);
  if (options.atomic && refused.length > 0) throw refusalOf(refused);
  // The strictest access explains refusals, so that no field shows that any operation would hide.
  const access =
    [...writers.values()]
      .map((writer) => writer.access)
      .sort((a, b) => a.readable.size - b.readable.size)[0] ?? writerFor('create').access;
  const writing = [...writers.values()].map((writer) => writer.access);
  const { guarded, accesses: others, guards } = guardedReferences(ctx, schema, writing);
  const job = {
    ctx,
    schema,
    guarded,
    guards,
    operations,
    sessions: new Map(
      [...writers].map(([kind, one]) => [kind, sessionOf(ctx, schema, one.access, others)]),
    ),
    fallback: sessionOf(ctx, schema, access, others),
    writerFor,
  };
  const creates = operations.filter(({ op }) => op === 'create').length;
  if (operations.some(({ op }) => op !== 'delete')) {
    const earlier = await requireRoom(ctx, job.fallback, schema, creates);
    if (earlier !== undefined) return replayOf(earlier);
  }
  try {
    // One kind of operation in one transaction needs no decision in between: one round trip.
    const plain = options.atomic && ctx.idempotency === undefined && writers.size === 1;
    if (plain && !operations.some(looksAtRecord)) {
      return answer(await writeBulkPipelined(job), refused);
    }
    const outcome = await writeBulk(job, {
      atomic: options.atomic,
      refused,
      explain: (error) => explainRefusal(toVelocityError(error), schema, access),
      bodyOf: (results) => JSON.stringify(answer(results, refused)),
    });
    return outcome.stored === undefined
      ? answer(outcome.results, refused)
      : replayOf(outcome.stored);
  } catch (error) {
    throw atItsRow(explainRefusal(error, schema, access), operations);
  }
}

/** A refusal that names a record says which row that was. */
function atItsRow(error: unknown, operations: readonly BulkOperation[]): unknown {
  if (!(error instanceof VelocityError)) return error;
  const row = operations.find((operation) => operation.id === error.details?.['id']);
  return row === undefined ? error : refusalOf([{ index: row.index, id: row.id, error }]);
}

function answer(results: readonly RowResult[], refused: readonly RefusedRow[]): BulkAnswer {
  const failed = refused.map((row) => failedRow(row.index, row.id, row.error));
  const all = [...results, ...failed].sort((a, b) => a.index - b.index);
  const counts = new Map<number, number>();
  for (const { status } of all) counts.set(status, (counts.get(status) ?? 0) + 1);
  const [created, updated, deleted] = [201, 200, 204].map((status) => counts.get(status) ?? 0) as [
    number,
    number,
    number,
  ];
  const denied = all.find(({ status }) => status === 403)?.error;
  return {
    data: JSON.stringify(all),
    ...(denied !== undefined && { denied }),
    summary: { created, updated, deleted, failed: all.length - created - updated - deleted },
    replayed: false,
  };
}

function replayOf(stored: StoredAnswer): BulkAnswer {
  const { denied: _kept, ...answered } = JSON.parse(stored.body) as BulkAnswer;
  return { ...answered, replayed: true };
}
