import type { Access } from '../auth/access.ts';
import { VelocityError } from '../errors.ts';
import { isReadable } from '../query/plan-problem.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { written } from './create-record.ts';
import { changedMeanwhile } from './expected-version.ts';
import { guardedReferences } from './guarded-references.ts';
import { findAnswer, keptAnswer, replay, transactOnce } from './idempotent.ts';
import { judgeChange, judgeCreate, judgeReadable } from './judge-policies.ts';
import { findRecordBy } from './read-record.ts';
import { requireObject, requireWritable, validateChanged, validateNew } from './record-input.ts';
import { explainRefusal } from './refusal.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';
import { authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { requireRoom } from './require-room.ts';
import type { WrittenRow } from './sql/write-one.ts';
import { insertRecord, updateRecord } from './sql/write-one.ts';

/** Rounds of insert, look and update; each is lost only to a writer that came in between. */
const roundsMax = 5;

/**
 * Creates a record, or changes the one that has the same value in a unique field. The insert runs
 * under the caller's rights to create and the update under those to update, since row filters may
 * differ: one INSERT … ON CONFLICT DO UPDATE could only run under one of them.
 */
export async function upsertRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  body: unknown,
  onConflict: string,
): Promise<RecordAnswer> {
  const create = authorizeWrite(ctx, schema, 'create');
  const update = authorizeWrite(ctx, schema, 'update');
  const field = requireUnique(schema, [create, update], onConflict);
  const given = requireObject(body);
  const creator = { ctx, access: create, caller: callerFor(ctx, create, 'create') };
  const updater = { ctx, access: update, caller: callerFor(ctx, update, 'update') };
  const values = validateNew(schema, create, given, creator.caller);
  const { [field.name]: key, ...changes } = given;
  requireWritable(schema, update, changes);
  const { guarded, accesses, guards } = guardedReferences(ctx, schema, [create, update]);
  const creating = sessionOf(ctx, schema, create, accesses);
  const updating = sessionOf(ctx, schema, update, accesses);
  const keep = keptAnswer(ctx);
  const earlier = await requireRoom(ctx, updating, schema, 0);
  if (earlier !== undefined) return replay(earlier);
  // Without room for one more there may still be one to change.
  const noRoom = await ctx.deps.quotas?.refusalOf(ctx.snapshot, schema, 1);

  try {
    for (let round = 0; round < roundsMax; round++) {
      const fresh = { schema, access: create, values, guarded, keep };
      const id = ctx.deps.newId();
      const denied = denialOf(() => judgeCreate(creator, id, values, Object.keys(given)));
      if (denied === undefined && noRoom === undefined) {
        const inserted = await transactOnce<WrittenRow>(ctx, creating, [
          ...guards([{ id, values }]),
          insertRecord(fresh, id, field),
        ]);
        if (inserted.stored !== undefined) return replay(inserted.stored);
        const [created] = inserted.rows;
        if (created !== undefined) return written(created);
      }
      const current = await findRecordBy(ctx, updating, schema, field, values[field.name] ?? key);
      if (current === undefined) {
        const stored = noRoom && (await findAnswer(ctx, updating));
        if (stored !== undefined) return replay(stored);
        throw denied ?? noRoom ?? takenValue(field);
      }
      judgeReadable(updater, current);
      validateChanged(schema, update, current.values, changes, updater.caller);
      judgeChange(updater, current, changes, Object.keys(changes));
      const changed = { schema, access: update, values: changes, guarded, keep };
      const outcome = await transactOnce<WrittenRow>(ctx, updating, [
        ...guards([{ id: current.id, values: changes }]),
        updateRecord(changed, current.id, current.version),
      ]);
      if (outcome.stored !== undefined) return replay(outcome.stored);
      const [row] = outcome.rows;
      if (row !== undefined) return written(row);
    }
  } catch (error) {
    throw explainRefusal(error, schema, update);
  }
  throw changedMeanwhile();
}

/** A caller who may not create the record may still be one who may change it. */
function denialOf(judge: () => void): VelocityError | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    if (error instanceof VelocityError && error.code === 'POLICY_DENIED') return error;
    throw error;
  }
}

/** A deleted record keeps its value, and so does one that this caller may not change. */
function takenValue(field: CompiledField): VelocityError {
  return new VelocityError(
    'UNIQUE_CONSTRAINT_VIOLATION',
    `Another record keeps this value (${field.name}), and it cannot be changed here.`,
    {
      details: { fields: [field.name] },
      hint: 'It is deleted, or lies outside of the rows that you may change. Choose another value.',
    },
  );
}

/** A field by which both rights may look: whether a value is taken tells of it. */
function requireUnique(
  schema: CompiledSchema,
  accesses: readonly Access[],
  name: string,
): CompiledField {
  const field = schema.fields.get(name);
  const isKnown = (one: CompiledField) => accesses.every((access) => isReadable(one, access));
  const isMasked = (one: string) => accesses.some(({ masks }) => masks.has(one));
  if (field === undefined || !isKnown(field)) {
    throw new VelocityError(
      'UNKNOWN_FIELD',
      `${schema.name} ${schema.version} has no field ${JSON.stringify(name)}.`,
    );
  }
  if (field.spec.unique === true && !isMasked(name)) return field;
  const unique = schema.userFields.filter(
    (one) => one.spec.unique === true && isKnown(one) && !isMasked(one.name),
  );
  throw new VelocityError(
    'BAD_REQUEST',
    `onConflict wants a unique field that you see; ${name} is not.`,
    {
      hint: `Unique fields: ${unique.map((candidate) => candidate.name).join(', ') || 'none'}.`,
    },
  );
}
