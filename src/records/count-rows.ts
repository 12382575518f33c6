import type { Access } from '../auth/access.ts';
import type { RowFigure } from '../contract/explanation.ts';
import { VelocityError } from '../errors.ts';
import { withCaller } from '../query/caller-value.ts';
import { compileFilter, tableOf } from '../query/compile-filter.ts';
import { recordPolicies } from '../query/compile-policy.ts';
import { compileRecordQuery } from '../query/compile-record-query.ts';
import { Parameters } from '../query/parameters.ts';
import { planRowFilter } from '../query/plan-condition.ts';
import { planRecordQuery } from '../query/plan-record-query.ts';
import { parseListParams } from '../query/record-query.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { Statement } from '../store/statement.ts';
import { otherSchemas } from './get-record.ts';
import type { RequestContext } from './request-context.ts';
import { callersAt, sessionOf } from './request-context.ts';

/** Rows counted one by one; beyond it the planner's estimate answers. */
export const countedRowsMax = 10_000;
/** A filter that few rows pass makes Postgres look at all of them: this long, then it estimates. */
const countTimeoutMs = 1_000;

const withinTime: Statement = {
  name: 'explain.count-timeout',
  text: `select set_config('statement_timeout', '${countTimeoutMs}', true)`,
};

/**
 * Live rows that the caller of `ctx` sees with this access. `by: 'rls'` leaves row-level security
 * alone to decide, without the condition that the API adds; an estimate always has both.
 */
export async function countRows(
  ctx: RequestContext,
  schema: CompiledSchema,
  access: Access,
  by: 'rls' | 'list',
): Promise<RowFigure> {
  const parameters = new Parameters();
  const rowFilter =
    by === 'rls' || access.rowFilter === undefined
      ? undefined
      : planRowFilter(schema, access.rowFilter);
  const policies = by === 'rls' ? [] : recordPolicies(access.policies);
  const where = compileFilter({ rowFilter, policies }, 't', parameters);
  const text = `select count(*)::int as found from (select from ${tableOf(schema)} t where ${where} limit ${countedRowsMax + 1}) c`;
  try {
    const [, counted] = await ctx.deps.pipeline.transact(sessionOf(ctx, schema, access), [
      withinTime,
      withCaller({ text, values: parameters.values }, callersAt(ctx, schema, access, 'read')),
    ]);
    const count = Number(counted?.rows[0]?.['found'] ?? 0);
    if (count <= countedRowsMax) return { count, estimated: false };
  } catch (error) {
    if (!(error instanceof VelocityError) || error.code !== 'STATEMENT_TIMEOUT') throw error;
  }
  return { count: await estimateRows(ctx, schema, access), estimated: true };
}

/** As a list with `count=planned` says it. */
async function estimateRows(
  ctx: RequestContext,
  schema: CompiledSchema,
  access: Access,
): Promise<number> {
  const { count, decodeTotal } = compileRecordQuery(
    planRecordQuery({
      ...{ schema, access, cursorSecret: ctx.deps.cursorSecret, ...otherSchemas(ctx, []) },
      query: parseListParams({ count: 'planned', limit: '1' }),
    }),
  );
  if (count === undefined) return 0;
  const planning = withCaller(count, callersAt(ctx, schema, access, 'read'));
  const [planned] = await ctx.deps.pipeline.transact(sessionOf(ctx, schema, access), [planning]);
  return decodeTotal(planned?.rows ?? []);
}
