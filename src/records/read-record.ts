import { shapeHash } from '../query/compiled-statement.ts';
import { noMasks } from '../query/mask.ts';
import { projectRecord } from '../query/projection.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { quoteIdentifier } from '../schema/identifier.ts';
import type { SessionContext } from '../store/statement.ts';
import { columnValue } from './column-value.ts';
import type { RecordValues } from './record-input.ts';
import type { RequestContext } from './request-context.ts';
import { tableOf } from './sql/write-one.ts';

export interface CurrentRecord {
  readonly id: string;
  readonly version: number;
  /** Every field of the user's, as JSON values: rules hold for what is hidden or masked, too. */
  readonly values: RecordValues;
  /** What the system keeps of it. */
  readonly system: RecordValues;
}

/** A live record as the base of a decision: under the caller's rights for the change itself. */
export function readRecord(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  id: string,
): Promise<CurrentRecord | undefined> {
  return readWhere(ctx, session, schema, { condition: 't.id = $1::uuid', value: id });
}

/** The same by the value of a unique field. */
export function findRecordBy(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  field: CompiledField,
  value: unknown,
): Promise<CurrentRecord | undefined> {
  const condition = `t.${quoteIdentifier(field.name)} = $1::${field.columnType}`;
  return readWhere(ctx, session, schema, { condition, value: columnValue(field, value) });
}

async function readWhere(
  ctx: RequestContext,
  session: SessionContext,
  schema: CompiledSchema,
  { condition, value }: { readonly condition: string; readonly value: unknown },
): Promise<CurrentRecord | undefined> {
  const fields = [...schema.fields.values()];
  const data = `(${projectRecord({ schema, fields, masks: noMasks }, 't')})::text`;
  const text = `select t.id, t.version, ${data} as data from ${tableOf(schema)} t where ${condition} and t.deleted_at is null`;
  const [result] = await ctx.deps.pipeline.transact(session, [
    { name: `read.${shapeHash(`${schema.statementPrefix}\n${text}`)}`, text, values: [value] },
  ]);
  const row = result?.rows[0] as { id: string; version: number; data: string } | undefined;
  return row && { id: row.id, version: row.version, ...parseRecord(schema, row.data) };
}

/** A record as Postgres wrote it, its user's fields apart from the system's. */
export function parseRecord(
  schema: CompiledSchema,
  data: string,
): Pick<CurrentRecord, 'values' | 'system'> {
  const values: Record<string, unknown> = {};
  const system: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(JSON.parse(data) as RecordValues)) {
    const kept = schema.fields.get(name)?.system === true ? system : values;
    kept[name] = value;
  }
  return { values, system };
}
