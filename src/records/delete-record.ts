import type { CompiledSchema } from '../schema/compile.ts';
import type { ExpectedVersion } from './expected-version.ts';
import { changedMeanwhile, refuseMissedWrite, staleVersion } from './expected-version.ts';
import { entityNotFound, requireRecordId } from './get-record.ts';
import { findAnswer, keptAnswer, transactOnce } from './idempotent.ts';
import { judgeDelete, judgeReadable, judgeUnseen, policiesNeedRecord } from './judge-policies.ts';
import type { ChangeOptions } from './patch-record.ts';
import { readRecord } from './read-record.ts';
import { explainRefusal } from './refusal.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeWrite, callerFor, sessionOf } from './request-context.ts';
import { deleteRecordRow } from './sql/write-one.ts';

/** Rounds of look and delete; each is lost only to a writer that came in between. */
const roundsMax = 5;

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
  const writer = { ctx, access, caller: callerFor(ctx, access, 'delete') };
  const judged = policiesNeedRecord(access);
  if (!judged) judgeUnseen(writer, undefined);
  try {
    for (let round = 0; round < roundsMax; round++) {
      const current = judged ? await readRecord(ctx, session, schema, id) : undefined;
      // A version that the caller did not state is that of the record that was judged.
      const version = expected?.version ?? current?.version;
      if (judged && (current === undefined || current.version !== version)) {
        const stored = await findAnswer(ctx, session);
        if (stored !== undefined) return { replayed: true };
        if (current === undefined) throw entityNotFound(schema, id);
        judgeReadable(writer, current);
        throw staleVersion(id, expected, current.version);
      }
      if (current !== undefined) {
        judgeReadable(writer, current);
        judgeDelete(writer, current);
      }
      const input = { schema, access, values: {}, guarded: new Map(), keep: keptAnswer(ctx) };
      const outcome = await transactOnce(ctx, session, [deleteRecordRow(input, id, version)]);
      if (outcome.stored !== undefined) return { replayed: true };
      if (outcome.rows.length > 0) return { replayed: false };
      if (!judged || expected !== undefined)
        return await refuseMissedWrite(ctx, session, schema, id, expected);
    }
  } catch (error) {
    throw explainRefusal(error, schema, access);
  }
  throw changedMeanwhile();
}
