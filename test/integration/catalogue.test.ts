import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpCatalogue } from '../../src/store/catalogue-dump.ts';
import { migrate, readMigrations } from '../../src/store/migrate.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import { dumpSampleCatalogue } from '../support/catalogue-sample.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';

const file = new URL('../../migrations/catalogue.txt', import.meta.url);

let database: TestDatabase;
let superuser: pg.Client;
let pool: Pool;
let dump: string;

beforeAll(async () => {
  database = await createTestDatabase();
  dump = await dumpSampleCatalogue(database.operatorUrl);
  pool = openPool({ connectionString: database.superuserUrl, size: 1, application: 'test' });
  superuser = new pg.Client(database.superuserUrl);
  await superuser.connect();
});

afterAll(async () => {
  await superuser?.end();
  await pool?.close();
  await database?.drop();
});

describe('the catalogue', () => {
  it('is what migrations/catalogue.txt says', async () => {
    const committed = await readFile(file, 'utf8');
    expect(dump, 'after a change: node scripts/dump-catalogue.ts --write').toBe(committed);
  });

  const table = 'catalogue_shop_sales.customer_v1';
  it.each([
    ['a right given', `grant update on platform.audit_log to velocity_operator`],
    ['a right taken', `revoke insert on ${table} from velocity_catalogue_shop_sales`],
    ['a right for everybody', `grant select on ${table} to public`],
    ['a right on a function', 'grant execute on function platform.audit_insert to velocity_api'],
    ['an owner changed', `alter table ${table}_history owner to velocity_operator`],
    ['row-level security off', `alter table ${table} no force row level security`],
    ['a policy widened', `alter policy velocity_records on ${table} using (true)`],
    ['a policy gone', `drop policy velocity_records on ${table}`],
    ['a trigger off', `alter table ${table} disable trigger velocity_history_update`],
    ['a trigger gone', `drop trigger velocity_raise_version on ${table}`],
    ['an event trigger off', 'alter event trigger velocity_guard_dropped disable'],
    ['a function changed', 'alter function platform.audit_insert reset all'],
    ['a column added', `alter table ${table} add column extra text`],
    ['a column’s default', `alter table ${table} alter column version set default 2`],
    ['a constraint gone', `alter table ${table} drop constraint customer_v1_code_check`],
    ['an index gone', `drop index catalogue_shop_sales.customer_v1_region_idx`],
    ['a role’s attribute', 'alter role velocity_operator bypassrls'],
    ['a role’s setting', `alter role velocity_api reset statement_timeout`],
    ['a membership', 'grant velocity_audit to velocity_operator'],
    ['a namespace’s owner', 'alter schema platform owner to velocity_operator'],
  ])('tells of %s', async (_name, statement) => {
    await superuser.query('begin');
    try {
      await superuser.query(statement);
      const changed = await dumpCatalogue({
        query: async <Row>({ text }: { text: string }) => {
          const { rows, rowCount } = await superuser.query(text);
          return { rows: rows as Row[], rowCount: rowCount ?? 0 };
        },
      });
      expect(changed).not.toBe(dump);
    } finally {
      await superuser.query('rollback');
    }
  });

  it('is the same for whoever looks', async () => {
    expect(await dumpCatalogue(pool)).toBe(dump);
  });
});

describe('migrating', () => {
  const url = (of: string, name: string): string => of.replace(`/${database.name}`, `/${name}`);

  /** An empty database of the same server. */
  async function withEmpty(
    name: string,
    work: (urls: { url: string; bootstrapUrl: string }) => Promise<void>,
  ): Promise<void> {
    const empty = `${database.name}_${name}`;
    await superuser.query(`create database ${empty}`);
    try {
      await work({
        url: url(database.operatorUrl, empty),
        bootstrapUrl: url(database.superuserUrl, empty),
      });
    } finally {
      await superuser.query(`drop database ${empty} with (force)`);
    }
  }

  it('twice changes nothing', async () => {
    const { operatorUrl, superuserUrl } = database;
    expect(await migrate({ url: operatorUrl })).toEqual([]);
    expect(await migrate({ url: operatorUrl, bootstrapUrl: superuserUrl })).toEqual([]);
    expect(await dumpCatalogue(pool)).toBe(dump);
  });

  it('is applied once however many do it at the same time', async () => {
    await withEmpty('race', async (urls) => {
      const applied = await Promise.all([1, 2, 3].map(() => migrate(urls)));
      expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
    });
    const forget = `delete from platform.migrations where name = '0020_deletes_and_versions.sql'`;
    await superuser.query(forget);
    const again = await Promise.all([1, 2, 3].map(() => migrate({ url: database.operatorUrl })));
    expect(again.flat()).toEqual(['0020_deletes_and_versions.sql']);
    expect(await dumpCatalogue(pool)).toBe(dump);
  });

  it('refuses a file that was changed after it ran', async () => {
    const change = 'update platform.migrations set checksum = reverse(checksum) where name = $1';
    await superuser.query(change, ['0003_audit.sql']);
    await expect(migrate({ url: database.operatorUrl })).rejects.toThrow(
      /0003_audit\.sql was changed after it ran here/,
    );
    await superuser.query(change, ['0003_audit.sql']);
  });

  it('names the remedy where a superuser is needed first', async () => {
    await withEmpty('bare', async (urls) => {
      await expect(migrate({ url: urls.url })).rejects.toThrow(/--bootstrap-url/);
      const nobody = new URL(urls.url);
      nobody.username = 'nobody_yet';
      await expect(migrate({ url: nobody.href })).rejects.toThrow(/--bootstrap-url/);
    });
    await expect(migrate({})).rejects.toThrow(/needs a database URL/);
  });

  it('leaves the files that ran when one fails, and nothing of that one', async () => {
    await withEmpty('half', async (urls) => {
      const client = new pg.Client(urls.bootstrapUrl);
      await client.connect();
      await client.query('create schema platform');
      await client.query('create table platform.audit_log (id text)');
      await expect(migrate(urls)).rejects.toThrow(/^0003_audit\.sql: /);
      const { rows } = await client.query('select name from platform.migrations order by name');
      expect(rows.map(({ name }) => name)).toEqual(['0001_roles.sql', '0002_context.sql']);
      await client.query('drop table platform.audit_log');
      await client.query('alter schema platform owner to velocity_audit');
      expect(await migrate(urls)).toHaveLength((await readMigrations()).length - 2);
      await client.end();
    });
  });
});
