import type { Access } from '../auth/access.ts';
import { withCaller } from '../query/caller-value.ts';
import { compileRecordQuery } from '../query/compile-record-query.ts';
import { planRecordQuery } from '../query/plan-record-query.ts';
import type { RecordQuery } from '../query/record-query.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { otherSchemas } from './get-record.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeFor, callersAt, sessionOf } from './request-context.ts';

export interface RecordPage {
  /** A JSON array as Postgres built it. */
  readonly data: string;
  readonly limit: number;
  /** Leads to the next page; undefined on the last one. */
  readonly cursor?: string;
  /** Where groups go on; they have no cursor. */
  readonly nextOffset?: number;
  /** Present when the query asked for a count. */
  readonly total?: number;
}

/** Plan, compile, one transaction. A write that commits between page and count shows in one only. */
export async function listRecords(
  ctx: RequestContext,
  schema: CompiledSchema,
  query: RecordQuery,
): Promise<RecordPage> {
  const access = authorizeFor(ctx, schema, 'read');
  const included: Access[] = [];
  const plan = planRecordQuery({
    schema,
    query,
    access,
    cursorSecret: ctx.deps.cursorSecret,
    ...otherSchemas(ctx, included),
  });
  const compiled = compileRecordQuery(plan);
  const callerAt = callersAt(ctx, schema, access, 'read');
  const statements = [compiled.list, compiled.count]
    .filter((statement) => statement !== undefined)
    .map((statement) => withCaller(statement, callerAt));
  const [list, count] = await ctx.deps.pipeline.transact(
    sessionOf(ctx, schema, access, included),
    statements,
  );
  const page = compiled.decodePage(list?.rows ?? []);
  return {
    data: page.data,
    limit: plan.limit,
    ...(page.cursor !== undefined && { cursor: page.cursor }),
    ...(page.nextOffset !== undefined && { nextOffset: page.nextOffset }),
    ...(count !== undefined && { total: compiled.decodeTotal(count.rows) }),
  };
}
