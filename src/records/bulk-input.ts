import type { Access } from '../auth/access.ts';
import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
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
    };

export interface RefusedRow {
  readonly index: number;
  readonly id: string | undefined;
  readonly error: VelocityError;
}

/** Rights for an operation; called once for each kind of operation that occurs. */
export type AccessFor = (operation: 'create' | 'update' | 'delete') => Access;

const members = new Set(['op', 'id', 'record', 'version']);
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Sorts rows into what can be written and what is refused already, each refusal with its own error. */
export function readBulk(
  schema: CompiledSchema,
  rows: readonly unknown[],
  accessFor: AccessFor,
  newId: () => string,
): { operations: BulkOperation[]; refused: RefusedRow[] } {
  const operations: BulkOperation[] = [];
  const refused: RefusedRow[] = [];
  const seen = new Map<string, number>();
  rows.forEach((row, index) => {
    try {
      const operation = readRow(schema, row, index, accessFor, newId);
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
      // A right that is missing is missing for the whole request; everything else is this row's.
      if (
        !(error instanceof VelocityError) ||
        (error.status === 403 && error.code !== 'FIELD_ACCESS_DENIED')
      )
        throw error;
      if (error.code === 'SCHEMA_NOT_FOUND' || error.code === 'SCHEMA_FROZEN') throw error;
      refused.push({ index, id: idOf(row), error });
    }
  });
  return { operations, refused };
}

/** All refusals as one: what an atomic bulk answers. */
export function refusalOf(refused: readonly RefusedRow[]): VelocityError {
  const [first] = refused;
  if (first !== undefined && refused.length === 1) return placed(first);
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
  accessFor: AccessFor,
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
    if (id !== undefined) throw refuse('/id', 'unknown', 'is given by the platform on create');
    if (version !== undefined)
      throw refuse('/version', 'unknown', 'a new record has no version yet');
    return {
      op,
      index,
      id: newId(),
      values: validateNew(schema, accessFor('create'), requireRecord(record)),
    };
  }
  if (typeof id !== 'string' || !uuidPattern.test(id))
    throw refuse('/id', 'format', 'must be the id of a record');
  const key = id.toLowerCase();
  if (op === 'delete') {
    if (record !== undefined) throw refuse('/record', 'unknown', 'a delete has no record');
    accessFor('delete');
    return { op, index, id: key, version };
  }
  const values = requireRecord(record);
  validatePatch(schema, accessFor('update'), values);
  return { op, index, id: key, version, values, needsRecord: needsRecord(schema, values) };
}

function requireRecord(record: unknown): RecordValues {
  if (typeof record === 'object' && record !== null && !Array.isArray(record))
    return record as RecordValues;
  throw refuse('/record', 'type', 'must be an object of field names and values');
}

function refuse(pointer: string, rule: string, message: string): VelocityError {
  return validationError('The row is not well formed.', [{ pointer, rule, message }]);
}

function idOf(row: unknown): string | undefined {
  const id = (row as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? id : undefined;
}
