import { isDeepStrictEqual } from 'node:util';
import type { Access } from '../auth/access.ts';
import { VelocityError, validationError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { written } from './create-record.ts';
import {
  expectedVersion,
  refuseMissedWrite,
  requireVersion,
  staleVersion,
} from './expected-version.ts';
import { entityNotFound, requireRecordId } from './get-record.ts';
import { guardedReferences } from './guarded-references.ts';
import { findAnswer, keptAnswer, replay, transactOnce } from './idempotent.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import { applyJsonPatch, applyMergePatch, jsonPatchOf } from './json-patch.ts';
import { judgeChange, judgeReadable, judgeUnseen } from './judge-policies.ts';
import { readRecord } from './read-record.ts';
import type { RecordValues } from './record-input.ts';
import {
  needsRecord,
  requireObject,
  requireWritable,
  validateChanged,
  validatePatch,
} from './record-input.ts';
import { explainRefusal } from './refusal.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';
import { authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { requireRoom } from './require-room.ts';
import type { WrittenRow } from './sql/write-one.ts';
import { updateRecord } from './sql/write-one.ts';

export interface ChangeOptions {
  /** The version of the If-Match header. */
  readonly ifMatch?: number;
}

/**
 * Changes some fields of a record: JSON Merge Patch (RFC 7396) or JSON Patch (RFC 6902). A patch that
 * can be judged alone costs one round trip; one that needs the record costs two, and the write holds
 * only if the record is still the one that was read.
 */
export async function patchRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  id: string,
  body: unknown,
  options: ChangeOptions & { readonly jsonPatch: boolean },
): Promise<RecordAnswer> {
  const access = authorizeWrite(ctx, schema, 'update');
  requireRecordId(schema, id);
  const operations = options.jsonPatch ? jsonPatchOf(body) : undefined;
  const { expected: stated, values: patch } =
    operations === undefined
      ? expectedVersion(requireObject(body), options.ifMatch)
      : expectedVersion({}, options.ifMatch);
  const expected = requireVersion(stated);
  const { guarded, accesses, guards } = guardedReferences(ctx, schema, [access]);
  const session = sessionOf(ctx, schema, access, accesses);
  const earlier = await requireRoom(ctx, session, schema, 0);
  if (earlier !== undefined) return replay(earlier);

  const caller = callerFor(ctx, access, 'update');
  const writer = { ctx, access, caller };

  let changes: RecordValues = patch;
  if (operations !== undefined || needsRecord(schema, access, patch)) {
    if (operations === undefined) requireWritable(schema, access, patch);
    const current = await readRecord(ctx, session, schema, id);
    if (current?.version !== expected.version) {
      const stored = await findAnswer(ctx, session);
      if (stored !== undefined) return replay(stored);
    }
    if (current === undefined) throw entityNotFound(schema, id);
    judgeReadable(writer, current);
    if (current.version !== expected.version) throw staleVersion(id, expected, current.version);
    changes =
      operations === undefined
        ? mergeInto(schema, current.values, patch)
        : patchedFields(
            visible(access, { ...current.values, id, version: current.version }),
            besideMasks(access, operations),
          );
    requireWritable(schema, access, changes);
    validateChanged(schema, access, current.values, changes, caller);
    judgeChange(writer, current, changes, Object.keys(changes));
  } else {
    validatePatch(schema, access, patch, caller);
    judgeUnseen(writer, Object.keys(patch));
  }

  try {
    const input = { schema, access, values: changes, guarded, keep: keptAnswer(ctx) };
    const outcome = await transactOnce<WrittenRow>(ctx, session, [
      ...guards([{ id, values: changes }]),
      updateRecord(input, id, expected.version),
    ]);
    if (outcome.stored !== undefined) return replay(outcome.stored);
    const [row] = outcome.rows;
    if (row === undefined) return await refuseMissedWrite(ctx, session, schema, id, expected);
    return written(row);
  } catch (error) {
    throw explainRefusal(error, schema, access);
  }
}

/** Objects of json fields are merged member by member; every other value is replaced. */
export function mergeInto(
  schema: CompiledSchema,
  before: RecordValues,
  patch: RecordValues,
): RecordValues {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => [
      name,
      schema.fields.get(name)?.type === 'json' ? applyMergePatch(before[name], value) : value,
    ]),
  );
}

/** A JSON Patch points into the record as the caller sees it: what is hidden or masked is not there. */
function visible({ readable, masks }: Access, values: RecordValues): RecordValues {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => readable.has(name) && !masks.has(name)),
  );
}

/**
 * A masked field can be written whole, so what replaces or removes it becomes what adds it. Whatever
 * looks at its value first (a test, a copy, a step into it) would tell of it and is refused.
 */
function besideMasks(
  { masks }: Access,
  operations: readonly JsonPatchOperation[],
): readonly JsonPatchOperation[] {
  if (masks.size === 0) return operations;
  return operations.map((operation, index) => {
    const { op, path, from } = operation;
    const [, name = '', ...within] = path.split('/');
    const source = op === 'move' || op === 'copy' ? from?.split('/')[1] : undefined;
    const masked = [name, source ?? ''].find((one) => masks.has(one));
    if (masked === undefined) return operation;
    if (within.length > 0 || masked === source || op === 'test') {
      throw validationError('The patch cannot be applied.', [
        {
          pointer: `/${index}`,
          rule: 'masked',
          message: `looks at ${masked}, which is masked for you`,
          hint: 'add or replace it as a whole',
        },
      ]);
    }
    if (op === 'replace') return { ...operation, op: 'add' };
    return op === 'remove' ? { op: 'add', path, value: null } : operation;
  });
}

function patchedFields(
  before: RecordValues,
  operations: readonly JsonPatchOperation[],
): RecordValues {
  const after = applyJsonPatch(before, operations);
  if (typeof after !== 'object' || after === null || Array.isArray(after)) {
    throw new VelocityError('BAD_REQUEST', 'The patch leaves no record.');
  }
  const values = after as RecordValues;
  const names = new Set([...Object.keys(before), ...Object.keys(values)]);
  return Object.fromEntries(
    [...names]
      .filter((name) => !isDeepStrictEqual(before[name], values[name]))
      .map((name) => [name, values[name] ?? null]),
  );
}
