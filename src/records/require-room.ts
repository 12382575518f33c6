import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext } from '../store/statement.ts';
import type { StoredAnswer } from './idempotent.ts';
import { findAnswer } from './idempotent.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Throws QUOTA_EXCEEDED where so many more records, or anything more at all, have no room. Unless the
 * same request was answered before: then it needs none, and its answer comes back.
 */
export async function requireRoom(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  creates: number,
): Promise<StoredAnswer | undefined> {
  const refusal = await ctx.deps.quotas?.refusalOf(ctx.snapshot, schema, creates);
  if (refusal === undefined) return undefined;
  const stored = await findAnswer(ctx, session);
  if (stored === undefined) throw refusal;
  return stored;
}
