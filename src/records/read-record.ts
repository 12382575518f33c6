import { shapeHash } from '../query/compiled-statement.ts';
import { projectRecord } from '../query/projection.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext } from '../store/statement.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';
import { tableOf } from './sql/write-one.ts';

export interface CurrentRecord {
  readonly version: number;
  /** Every field of the user's, as JSON values: rules hold for those that the caller cannot see, too. */
  readonly values: RecordValues;
}

/** A live record as the base of a decision: under the caller's rights for the change itself. */
export async function readRecord(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  id: string,
): Promise<CurrentRecord | undefined> {
  const data = `(${projectRecord(schema, schema.userFields, 't')})::text`;
  const text = `select t.version, ${data} as data from ${tableOf(schema)} t where t.id = $1::uuid and t.deleted_at is null`;
  const [result] = await ctx.deps.pipeline.transact(session, [
    { name: `read.${shapeHash(`${schema.statementPrefix}\n${text}`)}`, text, values: [id] },
  ]);
  const row = result?.rows[0] as { version: number; data: string } | undefined;
  return row && { version: row.version, values: JSON.parse(row.data) as RecordValues };
}
