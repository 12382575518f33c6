import type { CompiledSchema } from '../schema/compile.ts';
import type { ExpectedVersion } from './expected-version.ts';
import { refuseMissedWrite } from './expected-version.ts';
import { requireRecordId } from './get-record.ts';
import { keptAnswer, transactOnce } from './idempotent.ts';
import type { ChangeOptions } from './patch-record.ts';
import { explainRefusal } from './refusal.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeWrite, sessionOf } from './request-context.ts';
import { deleteRecordRow } from './sql/write-one.ts';

/** The soft delete; `onDelete` of the references to it runs in the same transaction. */
export async function deleteRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  id: string,
  options: ChangeOptions = {},
): Promise<{ readonly replayed: boolean }> {
  const access = authorizeWrite(ctx, schema, 'delete');
  requireRecordId(schema, id);
  const expected: ExpectedVersion | undefined =
    options.ifMatch === undefined ? undefined : { version: options.ifMatch, from: 'if-match' };
  const session = sessionOf(ctx, schema, access);
  try {
    const input = { schema, access, values: {}, guarded: new Map(), keep: keptAnswer(ctx) };
    const outcome = await transactOnce(ctx, session, [
      deleteRecordRow(input, id, expected?.version),
    ]);
    if (outcome.stored !== undefined) return { replayed: true };
    if (outcome.rows.length === 0)
      return await refuseMissedWrite(ctx, session, schema, id, expected);
    return { replayed: false };
  } catch (error) {
    throw explainRefusal(error, schema, access);
  }
}
