import type pg from 'pg';
import { statuses } from '../traffic/ledger.ts';
import { seedNumber } from '../traffic/seeds.ts';
import type { SchemaState } from './schema-state.ts';

/** Rows of one INSERT: what the triggers of history hold in memory at a time. */
const chunkRows = 50_000;

/** Writes the records that are there before the traffic, as a session that sees through policies. */
export async function insertSeeds(
  client: pg.Client,
  table: string,
  options: { readonly count: number; readonly values: Readonly<Record<string, string>> },
): Promise<void> {
  const columns = Object.keys(options.values);
  for (let from = 0; from < options.count; from += chunkRows) {
    const to = Math.min(options.count, from + chunkRows) - 1;
    await client.query(
      `insert into ${table} (id, title, status, ${columns.join(', ')})
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'seed ' || n,
              case n % 2 when 0 then '${statuses[0]}' else '${statuses[1]}' end,
              ${columns.map((column) => options.values[column]).join(', ')}
         from generate_series(${from}::bigint, ${to}::bigint) as n`,
    );
  }
}

/** What the seeds say other than they should, one sentence for each field; empty: nothing. */
export async function seedProblems(
  client: pg.Client,
  table: string,
  { seeds, fields }: SchemaState,
  count: number,
): Promise<string[]> {
  const wrong = [...seeds].map(
    ([field, value]) =>
      `count(*) filter (where s.${field} is distinct from (${value})) as ${field}`,
  );
  const { rows } = await client.query<Record<string, string>>(
    `select count(*) as all_of_them, ${wrong.join(', ')}
       from (select t.*, ${seedNumber} as n from ${table} t) as s where n is not null`,
  );
  const { all_of_them: found, ...counts } = rows[0] ?? {};
  const problems = Object.entries(counts)
    .filter(([, records]) => Number(records) > 0)
    .map(([field, records]) => `${records} seeds say something else in ${field}`);
  if (Number(found) !== count) problems.push(`${count} seeds were written and ${found} are there`);
  const { rows: columns } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  const names = new Set(columns.map(({ name }) => name));
  const missing = [...fields.keys()].filter((name) => !names.has(name));
  return missing.length === 0 ? problems : [...problems, `no column for ${missing.join(', ')}`];
}
