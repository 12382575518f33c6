import { assert } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { guardedReferences } from './guarded-references.ts';
import { keptAnswer, replay, transactOnce } from './idempotent.ts';
import { judgeCreate } from './judge-policies.ts';
import { requireObject, validateNew } from './record-input.ts';
import { explainRefusal } from './refusal.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';
import { authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { requireRoom } from './require-room.ts';
import type { WrittenRow } from './sql/write-one.ts';
import { insertRecord } from './sql/write-one.ts';

/** Creates a record under a new id, or the one that a PUT brings. */
export async function createRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  body: unknown,
  options: { readonly id?: string } = {},
): Promise<RecordAnswer> {
  const access = authorizeWrite(ctx, schema, 'create');
  const given = requireObject(body);
  const caller = callerFor(ctx, access, 'create');
  const values = validateNew(schema, access, given, caller);
  const id = options.id ?? ctx.deps.newId();
  judgeCreate({ ctx, access, caller }, id, values, Object.keys(given));
  const { guarded, accesses, guards } = guardedReferences(ctx, schema, [access]);
  const input = { schema, access, values, guarded, keep: keptAnswer(ctx) };
  const session = sessionOf(ctx, schema, access, accesses);
  const earlier = await requireRoom(ctx, session, schema, 1);
  if (earlier !== undefined) return replay(earlier);
  const insert = insertRecord(input, id);
  try {
    const statements = [...guards([{ id, values }]), insert];
    const outcome = await transactOnce<WrittenRow>(ctx, session, statements);
    if (outcome.stored !== undefined) return replay(outcome.stored);
    const [row] = outcome.rows;
    assert(row !== undefined, 'an insert that is not refused answers its row');
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
