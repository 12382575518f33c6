import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { Writer } from './judge-policies.ts';
import { judgeCreate, judgeUnseen, policiesNeedRecord } from './judge-policies.ts';
import type { RecordValues } from './record-input.ts';
import { needsRecord, requireObject, validateNew, validatePatch } from './record-input.ts';

export type BulkOperation =
  | {
      readonly op: 'create';
      readonly index: number;
      readonly id: string;
      readonly values: RecordValues;
    }
  | {
      readonly op: 'update';
      readonly index: number;
      readonly id: string;
      readonly version: number | undefined;
      readonly values: RecordValues;
      /** Can be judged only against the record as it is. */
      readonly needsRecord: boolean;
    }
  | {
      readonly op: 'delete';
      readonly index: number;
      readonly id: string;
      readonly version: number | undefined;
      readonly needsRecord: boolean;
    };

export interface RefusedRow {
  readonly index: number;
  readonly id: string | undefined;
  readonly error: VelocityError;
}

export type BulkKind = BulkOperation['op'];

/** Rights for an operation, found once for each kind of operation that occurs. */
export type WriterFor = (operation: BulkKind) => Writer;

const kinds: readonly BulkKind[] = ['create', 'update', 'delete'];
const members = new Set(['op', 'id', 'record', 'version']);
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Sorts rows into what can be written and what is refused already, each refusal with its own error. */
export function readBulk(
  schema: CompiledSchema,
  rows: readonly unknown[],
  writerFor: WriterFor,
  newId: () => string,
): { operations: BulkOperation[]; refused: RefusedRow[] } {
  const operations: BulkOperation[] = [];
  const refused: RefusedRow[] = [];
  const seen = new Map<string, number>();
  // A right that is missing is missing for the whole request; everything else is one row's.
  for (const kind of kinds) if (rows.some((row) => opOf(row) === kind)) writerFor(kind);
  rows.forEach((row, index) => {
    try {
      const operation = readRow(schema, row, index, writerFor, newId);
      // Ids of new records are ours and never the same.
      const earlier = operation.op === 'create' ? undefined : seen.get(operation.id);
      if (earlier !== undefined) {
        throw validationError('A bulk changes each record once.', [
          {
            pointer: '/id',
            rule: 'unique',
            message: `is the record of row ${earlier} too; send the second change afterwards`,
          },
        ]);
      }
      if (operation.op !== 'create') seen.set(operation.id, index);
      operations.push(operation);
    } catch (error) {
      if (!(error instanceof VelocityError)) throw error;
      refused.push({ index, id: idOf(row), error });
    }
  });
  return { operations, refused };
}

/** All refusals as one: what an atomic bulk answers. */
export function refusalOf(refused: readonly RefusedRow[]): VelocityError {
  // A denial is told as one, and so kept in the audit, whatever else is wrong.
  const first = refused.find(({ error }) => error.code === 'POLICY_DENIED') ?? refused[0];
  if (first?.error.code === 'POLICY_DENIED' || (first !== undefined && refused.length === 1)) {
    return placed(first);
  }
  const problems = refused.flatMap((row): Problem[] => {
    const inner = row.error.details?.['problems'];
    if (!Array.isArray(inner))
      return [{ pointer: `/${row.index}`, rule: row.error.code, message: row.error.message }];
    return (inner as Problem[]).map((problem) => ({
      ...problem,
      pointer: `/${row.index}${problem.pointer}`,
    }));
  });
  return validationError(
    `${refused.length} rows are refused, so nothing was written.`,
    problems.slice(0, problemsMax),
  );
}

/** Problems shown of one bulk: enough to see what is wrong, few enough to be read. */
const problemsMax = 1_000;

function placed(row: RefusedRow): VelocityError {
  const { error, index } = row;
  const inner = error.details?.['problems'];
  const problems = Array.isArray(inner)
    ? {
        problems: (inner as Problem[]).map((problem) => ({
          ...problem,
          pointer: `/${index}${problem.pointer}`,
        })),
      }
    : {};
  return new VelocityError(error.code, error.message, {
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
    details: { ...error.details, index, ...problems },
  });
}

function readRow(
  schema: CompiledSchema,
  row: unknown,
  index: number,
  writerFor: WriterFor,
  newId: () => string,
): BulkOperation {
  const given = requireObject(row);
  const { op, id, record, version } = given;
  for (const name in given) {
    if (members.has(name)) continue;
    throw refuse(`/${name}`, 'unknown', `${name}: a row has op, id, record and version`);
  }
  if (op !== 'create' && op !== 'update' && op !== 'delete')
    throw refuse('/op', 'enum', 'must be create, update or delete');
  if (
    version !== undefined &&
    (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
  ) {
    throw refuse('/version', 'type', 'must be a positive integer');
  }
  if (op === 'create') {
    const writer = writerFor('create');
    if (id !== undefined) throw refuse('/id', 'unknown', 'is given by the platform on create');
    if (version !== undefined)
      throw refuse('/version', 'unknown', 'a new record has no version yet');
    const fresh = newId();
    const body = requireRecord(record);
    const values = validateNew(schema, writer.access, body, writer.caller);
    judgeCreate(writer, fresh, values, Object.keys(body));
    return { op, index, id: fresh, values };
  }
  if (typeof id !== 'string' || !uuidPattern.test(id))
    throw refuse('/id', 'format', 'must be the id of a record');
  const key = id.toLowerCase();
  if (op === 'delete') {
    if (record !== undefined) throw refuse('/record', 'unknown', 'a delete has no record');
    const writer = writerFor('delete');
    const judged = policiesNeedRecord(writer.access);
    if (!judged) judgeUnseen(writer, undefined);
    return { op, index, id: key, version, needsRecord: judged };
  }
  const values = requireRecord(record);
  const writer = writerFor('update');
  validatePatch(schema, writer.access, values, writer.caller);
  const judged = needsRecord(schema, writer.access, values);
  if (!judged) judgeUnseen(writer, Object.keys(values));
  return { op, index, id: key, version, values, needsRecord: judged };
}

function requireRecord(record: unknown): RecordValues {
  if (typeof record === 'object' && record !== null && !Array.isArray(record))
    return record as RecordValues;
  throw refuse('/record', 'type', 'must be an object of field names and values');
}

function refuse(pointer: string, rule: string, message: string): VelocityError {
  return validationError('The row is not well formed.', [{ pointer, rule, message }]);
}

function opOf(row: unknown): unknown {
  return (row as { op?: unknown } | null)?.op;
}

function idOf(row: unknown): string | undefined {
  const id = (row as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? id : undefined;
}
