import type { Access } from '../auth/access.ts';
import { shapeHash } from '../query/compiled-statement.ts';
import { projectRecord } from '../query/projection.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { SessionContext } from '../store/statement.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';
import { tableOf } from './sql/write-one.ts';

export interface CurrentRecord {
  readonly version: number;
  /** The user's fields that the caller may read, as JSON values. */
  readonly values: RecordValues;
}

/** A live record as the base of a decision: under the caller's rights for the change itself. */
export async function readRecord(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  access: Access,
  id: string,
): Promise<CurrentRecord | undefined> {
  const fields = schema.userFields.filter((field) => access.readable.has(field.name));
  const data = fields.length === 0 ? `'{}'` : `(${projectRecord(schema, fields, 't')})::text`;
  const text = `select t.version, ${data} as data from ${tableOf(schema)} t where t.id = $1::uuid and t.deleted_at is null`;
  const [result] = await ctx.deps.pipeline.transact(session, [
    { name: `read.${shapeHash(`${schema.statementPrefix}\n${text}`)}`, text, values: [id] },
  ]);
  const row = result?.rows[0] as { version: number; data: string } | undefined;
  return row && { version: row.version, values: JSON.parse(row.data) as RecordValues };
}
