import type { Access } from '../auth/access.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { createRecord, written } from './create-record.ts';
import {
  expectedVersion,
  noRecordAt,
  refuseMissedWrite,
  requireVersion,
  staleVersion,
} from './expected-version.ts';
import { requireRecordId } from './get-record.ts';
import { guardedReferences } from './guarded-references.ts';
import { findAnswer, keptAnswer, replay, transactOnce } from './idempotent.ts';
import { judgeChange, judgeReadable } from './judge-policies.ts';
import type { ChangeOptions } from './patch-record.ts';
import type { CurrentRecord } from './read-record.ts';
import { readRecord } from './read-record.ts';
import type { RecordValues } from './record-input.ts';
import { requireObject, requireWritable, validateChanged } from './record-input.ts';
import { explainRefusal } from './refusal.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';
import { authorizeFor, authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { requireRoom } from './require-room.ts';
import { sameFieldValue } from './same-value.ts';
import type { WrittenRow } from './sql/write-one.ts';
import { updateRecord } from './sql/write-one.ts';

/**
 * Creates the record under this id, or replaces it. What the caller cannot read or write keeps its
 * value, as do fields left out that are immutable or masked; all else left out takes its default.
 * A deleted record's id stays taken (409).
 */
export async function putRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  id: string,
  body: unknown,
  options: ChangeOptions = {},
): Promise<RecordAnswer> {
  // Whoever may do neither learns nothing about the id.
  const read = authorizeFor(ctx, schema, 'read');
  requireRecordId(schema, id);
  const { expected, values } = expectedVersion(withoutId(requireObject(body), id), options.ifMatch);
  const reading = sessionOf(ctx, schema, read);
  const current = await readRecord(ctx, reading, schema, id);
  if (current === undefined && expected === undefined)
    return createRecord(ctx, schema, values, { id: id.toLowerCase() });

  // The answer to an earlier request comes first: it may have been a create, which needs no update.
  if (current?.version !== expected?.version) {
    const stored = await findAnswer(ctx, reading);
    if (stored !== undefined) return replay(stored);
  }
  const access = authorizeWrite(ctx, schema, 'update');
  const caller = callerFor(ctx, access, 'update');
  const writer = { ctx, access, caller };
  if (current !== undefined) judgeReadable(writer, current);
  const based = requireVersion(expected);
  if (current === undefined) throw noRecordAt(id, based);
  if (current.version !== based.version) throw staleVersion(id, based, current.version);
  requireWritable(schema, access, values);
  const changes = replacement(schema, { read, access }, values);
  validateChanged(schema, access, current.values, changes, caller);
  judgeChange(writer, current, changes, changedFields(schema, current, changes));
  const { guarded, accesses, guards } = guardedReferences(ctx, schema, [access]);
  const session = sessionOf(ctx, schema, access, accesses);
  const earlier = await requireRoom(ctx, session, schema, 0);
  if (earlier !== undefined) return replay(earlier);
  try {
    const input = { schema, access, values: changes, guarded, keep: keptAnswer(ctx) };
    const outcome = await transactOnce<WrittenRow>(ctx, session, [
      ...guards([{ id, values: changes }]),
      updateRecord(input, id, based.version),
    ]);
    if (outcome.stored !== undefined) return replay(outcome.stored);
    const [row] = outcome.rows;
    if (row === undefined) return await refuseMissedWrite(ctx, session, schema, id, based);
    return written(row);
  } catch (error) {
    throw explainRefusal(error, schema, access);
  }
}

/** A replacement names every field; those that it changes are those that it uses. */
function changedFields(
  schema: CompiledSchema,
  { values }: CurrentRecord,
  changes: RecordValues,
): string[] {
  return schema.userFields
    .filter((field) => field.name in changes)
    .filter((field) => !sameFieldValue(field, values[field.name], changes[field.name]))
    .map(({ name }) => name);
}

function replacement(
  schema: CompiledSchema,
  { read, access }: { readonly read: Access; readonly access: Access },
  values: RecordValues,
): RecordValues {
  const writable = schema.userFields.filter(
    ({ name, spec }) =>
      name in values ||
      (access.writable.has(name) && spec.immutable !== true && [read, access].every(sees(name))),
  );
  return Object.fromEntries(
    writable.map((field) => [
      field.name,
      values[field.name] ?? (field.name in values ? null : (field.spec.default ?? null)),
    ]),
  );
}

/** Nobody can send back what was not shown: a field left out says nothing then. */
function sees(name: string): (access: Access) => boolean {
  return ({ readable, masks }) => readable.has(name) && !masks.has(name);
}

function withoutId(body: RecordValues, id: string): RecordValues {
  const { id: given, ...rest } = body;
  if (given !== undefined && String(given).toLowerCase() !== id.toLowerCase()) {
    throw new VelocityError(
      'BAD_REQUEST',
      `The body is of record ${String(given)}, the address of ${id}.`,
      {
        details: { pointer: '/id' },
      },
    );
  }
  return rest;
}
