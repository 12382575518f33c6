import type pg from 'pg';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import { quoteIdentifier, quoteQualified } from '../../../src/schema/identifier.ts';

export type Value = string | number | boolean | null | readonly unknown[] | Record<string, unknown>;
/** Column values by field, as pg takes them: integers and decimals as strings. */
export type ThingRow = Readonly<Record<string, Value>> & { readonly id: string };

const systemDefaults: Readonly<Record<string, string>> = {
  id: 'primary key',
  version: 'not null default 1',
  created_at: "not null default '2026-01-01T00:00:00.000001Z'",
  created_by: "not null default 'alice'",
  updated_at: "not null default '2026-01-02T00:00:00Z'",
  updated_by: "not null default 'bob'",
};

/** The columns of a record table and nothing else: no policies, no triggers. */
export async function createTable(client: pg.Client, schema: CompiledSchema): Promise<void> {
  const columns = [...schema.fields.values()].map((field) => {
    const rule = systemDefaults[field.name] ?? (field.required ? 'not null' : '');
    return `${quoteIdentifier(field.name)} ${field.columnType} ${rule}`;
  });
  await client.query(`create schema if not exists ${quoteIdentifier(schema.pgNamespace)}`);
  await client.query(`create table ${tableName(schema)} (${columns.join(', ')})`);
}

export async function insertRows(
  client: pg.Client,
  schema: CompiledSchema,
  rows: readonly ThingRow[],
): Promise<void> {
  for (const row of rows) {
    const names = Object.keys(row);
    const values = names.map((name) => toParameter(schema, name, row[name] ?? null));
    await client.query(
      `insert into ${tableName(schema)} (${names.map(quoteIdentifier).join(', ')})
       values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
      values,
    );
  }
}

export function tableName(schema: CompiledSchema): string {
  return quoteQualified(schema.pgNamespace, schema.pgTable);
}

function toParameter(schema: CompiledSchema, name: string, value: Value): unknown {
  const type = schema.fields.get(name)?.columnType;
  if (value === null) return null;
  if (type === 'jsonb') return JSON.stringify(value);
  if (type !== 'point') return value;
  const { lat, lon } = value as { lat: number; lon: number };
  return `(${lon},${lat})`;
}
