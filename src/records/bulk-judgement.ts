import { VelocityError } from '../errors.ts';
import { shapeHash } from '../query/compiled-statement.ts';
import { noMasks } from '../query/mask.ts';
import { projectRecord } from '../query/projection.ts';
import type { Transaction } from '../store/pool.ts';
import type { BulkOperation } from './bulk-input.ts';
import { refusalOf } from './bulk-input.ts';
import type { BulkJob } from './bulk-job.ts';
import type { RowResult } from './bulk-result.ts';
import { failedRow } from './bulk-result.ts';
import { entityNotFound } from './get-record.ts';
import { judgeChange, judgeDelete, judgeReadable } from './judge-policies.ts';
import { mergeInto } from './patch-record.ts';
import { parseRecord } from './read-record.ts';
import { validateChanged } from './record-input.ts';
import { tableOf } from './sql/write-one.ts';

/**
 * Holds changes that cannot be judged alone against the records as they are, read in one statement
 * and locked until the transaction ends, so that what was judged is what is written.
 */
export async function judgeAgainstRecords(
  tx: Transaction,
  job: BulkJob,
  operations: readonly BulkOperation[],
  atomic: boolean,
): Promise<{ ready: readonly BulkOperation[]; failed: RowResult[] }> {
  const open = operations.filter(looksAtRecord);
  if (open.length === 0) return { ready: operations, failed: [] };
  const current = await readCurrent(
    tx,
    job,
    open.map((operation) => operation.id),
  );
  const ready: BulkOperation[] = [];
  const refused: { index: number; id: string; error: VelocityError }[] = [];
  for (const operation of operations) {
    if (!looksAtRecord(operation)) {
      ready.push(operation);
      continue;
    }
    try {
      const before = current.get(operation.id);
      if (before === undefined) throw entityNotFound(job.schema, operation.id);
      ready.push(judge(job, operation, before));
    } catch (error) {
      if (!(error instanceof VelocityError)) throw error;
      refused.push({ index: operation.index, id: operation.id, error });
    }
  }
  if (atomic && refused.length > 0) throw refusalOf(refused);
  return { ready, failed: refused.map((row) => failedRow(row.index, row.id, row.error)) };
}

type Looking = Exclude<BulkOperation, { op: 'create' }>;

export function looksAtRecord(operation: BulkOperation): operation is Looking {
  return operation.op !== 'create' && operation.needsRecord;
}

function judge({ schema, writerFor }: BulkJob, operation: Looking, before: Known): BulkOperation {
  const writer = writerFor(operation.op);
  judgeReadable(writer, before);
  if (operation.op === 'delete') {
    judgeDelete(writer, before);
    return operation;
  }
  const values = mergeInto(schema, before.values, operation.values);
  validateChanged(schema, writer.access, before.values, values, writer.caller);
  judgeChange(writer, before, values, Object.keys(operation.values));
  return { ...operation, values };
}

type Known = ReturnType<typeof parseRecord>;

async function readCurrent(
  tx: Transaction,
  job: BulkJob,
  ids: readonly string[],
): Promise<Map<string, Known>> {
  const { schema } = job;
  const fields = [...schema.fields.values()];
  const data = `(${projectRecord({ schema, fields, masks: noMasks }, 't')})::text`;
  const text = `
    select t.id, ${data} as data from ${tableOf(schema)} t
     where t.id = any ($1::uuid[]) and t.deleted_at is null
     order by t.id for update of t`;
  const { rows } = await tx.query<{ id: string; data: string }>({
    name: `read-many.${shapeHash(`${schema.statementPrefix}\n${text}`)}`,
    text,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, parseRecord(schema, row.data)]));
}
