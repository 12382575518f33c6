import { VelocityError } from '../errors.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { guardedReferences } from './guarded-references.ts';
import type { StoredAnswer } from './idempotent.ts';
import { keptAnswer, transactOnce } from './idempotent.ts';
import { requireObject, validateNew } from './record-input.ts';
import { explainRefusal } from './refusal.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';
import { authorizeWrite, sessionOf } from './request-context.ts';
import type { WrittenRow } from './sql/write-one.ts';
import { insertRecord, upsertRecord } from './sql/write-one.ts';

/** Creates a record; with `onConflict`, changes the one that has the same value in that unique field. */
export async function createRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  body: unknown,
  options: { readonly onConflict?: string; readonly id?: string } = {},
): Promise<RecordAnswer> {
  const access = authorizeWrite(ctx, schema, 'create');
  const onConflict =
    options.onConflict === undefined ? undefined : uniqueField(ctx, schema, options.onConflict);
  const given = requireObject(body);
  const values = validateNew(schema, access, given);
  const { guarded, accesses } = guardedReferences(ctx, schema);
  const input = { schema, access, values, guarded, keep: keptAnswer(ctx) };
  const id = options.id ?? ctx.deps.newId();
  const statement =
    onConflict === undefined
      ? insertRecord(input, id)
      : upsertRecord(input, id, onConflict, new Set(Object.keys(given)));
  try {
    const outcome = await transactOnce(ctx, sessionOf(ctx, schema, access, accesses), [statement]);
    if (outcome.stored !== undefined) return replay(outcome.stored);
    const row = outcome.rows[0] as unknown as WrittenRow | undefined;
    if (row === undefined) {
      throw new VelocityError('UNIQUE_CONSTRAINT_VIOLATION', 'A deleted record keeps this value.', {
        hint: 'Restore that record or choose another value.',
      });
    }
    return written(row);
  } catch (error) {
    throw explainRefusal(error, schema, access);
  }
}

export function written(row: WrittenRow): RecordAnswer {
  return {
    status: row.created ? 201 : 200,
    id: row.id,
    version: row.version,
    data: row.data,
    replayed: false,
  };
}

export function replay(stored: StoredAnswer): RecordAnswer {
  return {
    status: stored.status === 201 ? 201 : 200,
    id: stored.id,
    version: stored.version,
    data: stored.body,
    replayed: true,
  };
}

/** An upsert may change a record, so the caller must be allowed to; the field must be unique. */
function uniqueField(ctx: RequestContext, schema: CompiledSchema, name: string): CompiledField {
  const access = authorizeWrite(ctx, schema, 'update');
  const field = schema.fields.get(name);
  if (field === undefined || !access.readable.has(name)) {
    throw new VelocityError(
      'UNKNOWN_FIELD',
      `${schema.name} ${schema.version} has no field ${JSON.stringify(name)}.`,
    );
  }
  if (field.spec.unique !== true) {
    throw new VelocityError(
      'BAD_REQUEST',
      `onConflict wants a unique field, and ${name} is not unique.`,
      {
        hint: `Unique fields: ${
          schema.userFields
            .filter((f) => f.spec.unique === true && access.readable.has(f.name))
            .map((f) => f.name)
            .join(', ') || 'none'
        }.`,
      },
    );
  }
  return field;
}
