import pg from 'pg';
import type { CompiledQuery } from '../../../src/query/compile-record-query.ts';
import { compileRecordQuery } from '../../../src/query/compile-record-query.ts';
import { planRecordQuery } from '../../../src/query/plan-record-query.ts';
import type { ReadAccess } from '../../../src/query/read-access.ts';
import type { RecordQuery } from '../../../src/query/record-query.ts';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import {
  accessAll,
  cursorSecret,
  maker,
  openSchemas,
  thing,
} from '../../unit/query/schema-fixture.ts';
import type { ThingRow } from './thing-table.ts';
import { createTable, insertRows, tableName } from './thing-table.ts';

export interface Answer {
  readonly records: Record<string, unknown>[];
  readonly cursor: string | undefined;
  readonly total: number | undefined;
}

export interface ListOptions {
  readonly schema?: CompiledSchema;
  readonly access?: ReadAccess;
  readonly accessTo?: typeof openSchemas.accessTo;
}

/** A database with the tables of `thing` and `maker`, and what runs queries on it. */
export interface QueryDatabase {
  readonly client: pg.Client;
  /** Empties both tables and fills `thing`. */
  readonly refill: (rows: readonly ThingRow[]) => Promise<void>;
  readonly list: (query: RecordQuery, options?: ListOptions) => Promise<Answer>;
  readonly explain: (query: RecordQuery, options?: ListOptions) => Promise<string>;
  readonly close: () => Promise<void>;
}

export async function openQueryDatabase(): Promise<QueryDatabase> {
  const database = await createTestDatabase();
  const client = new pg.Client({
    connectionString: database.superuserUrl,
    options: '-c timezone=UTC',
  });
  await client.connect();
  await createTable(client, thing);
  await createTable(client, maker);
  const run = async (
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Record<string, unknown>[]> => (await client.query(text, [...values])).rows;
  return {
    client,
    refill: async (rows) => {
      await run(`truncate ${tableName(thing)}, ${tableName(maker)}`);
      await insertRows(client, thing, rows);
    },
    list: async (query, options) => {
      const { list, count, decodePage, decodeTotal } = compile(query, options);
      const page = decodePage(await run(list.text, list.values));
      return {
        records: JSON.parse(page.data),
        cursor: page.cursor,
        total: count && decodeTotal(await run(count.text, count.values)),
      };
    },
    explain: async (query, options) => {
      const { text, values } = compile(query, options).list;
      return (await run(`explain ${text}`, values)).map((row) => row['QUERY PLAN']).join('\n');
    },
    close: async () => {
      await client.end();
      await database.drop();
    },
  };
}

function compile(query: RecordQuery, options: ListOptions = {}): CompiledQuery {
  const { schema = thing, access = accessAll(schema), accessTo = openSchemas.accessTo } = options;
  const { findSchema } = openSchemas;
  return compileRecordQuery(
    planRecordQuery({ schema, query, access, cursorSecret, findSchema, accessTo }),
  );
}

export function idsOf(records: readonly { id?: unknown }[]): unknown[] {
  return records.map(({ id }) => id);
}
