import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { callerOf } from './call.ts';
import { everythingSchemas } from './everything-schema.ts';
import type { Trail } from './trail.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** Whoever holds a login role of ours, even the owner of every table, cannot change the past. */

let api: TestApi;
let superuser: pg.Client;
let trail: Trail;
let domainRole: string;
let partitions: readonly string[];

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...everythingSchemas(api.tenant));
  const send = callerOf(api, await api.keyFor('wanda', ['writer']));
  for (const title of ['a', 'b', 'c']) {
    const answer = await send('POST', api.path('thing'), { body: { title } });
    expect(answer.statusCode).toBe(201);
  }
  superuser = await connect(api.database.superuserUrl);
  trail = trailOf(api, 'thing');
  domainRole = `velocity_${trail.namespace}`;
  const { rows } = await superuser.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits
      where inhparent in ('platform.audit_log'::regclass, $1::regclass)`,
    [trail.history],
  );
  partitions = rows.map(({ name }) => name);
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

/** What is there now, as one text: it must be the same afterwards. */
async function past(): Promise<string> {
  const { rows } = await superuser.query(
    `select md5(string_agg(t::text, '|' order by t::text)) as past from (
       select a::text as t from platform.audit_log a union all select h::text from ${trail.history} h
       union all select c.oid::text || c.relname || c.relowner::text from pg_class c where c.relowner = 'velocity_audit'::regrole
       union all select p.oid::text || p.proname from pg_proc p where p.proowner = 'velocity_audit'::regrole) as all_of_it`,
  );
  return rows[0].past;
}

/** Runs statements as somebody, each of them for itself, then rolls back whatever went through. */
async function attempt(url: string, statements: readonly string[]): Promise<string | undefined> {
  const client = await connect(url);
  try {
    await client.query('begin');
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
    return undefined;
  } catch (error) {
    return (error as pg.DatabaseError).code ?? String(error);
  } finally {
    await client.query('rollback').catch(() => {});
    await client.end();
  }
}

/** Denied, no such object for this role to see, or object owned by somebody else. */
const denied = ['42501'];

describe.each(['velocity_operator', 'velocity_api'] as const)('%s', (login) => {
  const url = (): string =>
    login === 'velocity_api' ? api.database.apiUrl : api.database.operatorUrl;
  const tables = (): string[] => ['platform.audit_log', trail.history, ...partitions];

  it.each([
    [
      'UPDATE',
      (table: string) =>
        `update ${table} set ${table.includes('audit') ? 'actor' : '_actor'} = 'eve'`,
    ],
    ['DELETE', (table: string) => `delete from ${table}`],
    ['INSERT', (table: string) => `insert into ${table} select * from ${table}`],
    ['TRUNCATE', (table: string) => `truncate ${table}`],
    ['DROP', (table: string) => `drop table ${table}`],
    ['DROP … CASCADE', (table: string) => `drop table ${table} cascade`],
    [
      'ALTER … DROP COLUMN',
      (table: string) =>
        `alter table ${table} drop column ${table.includes('audit') ? 'payload' : '_actor'}`,
    ],
    ['ALTER … RENAME', (table: string) => `alter table ${table} rename to forgotten`],
    ['ALTER … OWNER', (table: string) => `alter table ${table} owner to ${login}`],
    ['ALTER … DISABLE TRIGGER', (table: string) => `alter table ${table} disable trigger all`],
    [
      'CREATE TRIGGER',
      (table: string) =>
        `create trigger t before insert on ${table} for each row execute function suppress_redundant_updates_trigger()`,
    ],
    ['CREATE RULE', (table: string) => `create rule r as on insert to ${table} do instead nothing`],
    [
      'GRANT',
      (table: string) =>
        `grant all on ${table} to ${login} with grant option; delete from ${table}`,
    ],
    ['COPY', (table: string) => `copy ${table} from program 'true'`],
  ])('cannot %s the audit log, a history or a partition of either', async (_name, sql) => {
    const before = await past();
    for (const table of tables()) {
      const code = await attempt(url(), [sql(table)]);
      expect(denied, `${sql(table)}: ${code}`).toContain(code);
    }
    expect(await past()).toBe(before);
  });

  it('cannot detach a partition', async () => {
    const before = await past();
    for (const partition of partitions) {
      const parent = partition.startsWith('platform') ? 'platform.audit_log' : trail.history;
      const code = await attempt(url(), [`alter table ${parent} detach partition ${partition}`]);
      expect(denied).toContain(code);
    }
    expect(await past()).toBe(before);
  });

  it.each([
    [
      'write audit entries itself',
      () =>
        `select platform.audit_insert('o', 'p', '{1}', array[now()], array[gen_random_uuid()], '{1}', '{create}', '{null}', '{null}')`,
    ],
    [
      'make partitions',
      () => `select platform.ensure_month_partitions('platform', 'audit_log', 'occurred_at', 1)`,
    ],
    ['become velocity_audit', () => 'set role velocity_audit'],
    ['make itself a member of velocity_audit', () => `grant velocity_audit to ${login}`],
    ['make velocity_audit log in', () => `alter role velocity_audit login password 'x'`],
    ['make itself superuser', () => `alter role ${login} superuser`],
    ['bypass row-level security', () => `alter role ${login} bypassrls`],
    ['switch triggers off for the session', () => 'set session_replication_role = replica'],
    ['take over what velocity_audit owns', () => `reassign owned by velocity_audit to ${login}`],
    ['drop what velocity_audit owns', () => 'drop owned by velocity_audit'],
    ['drop the namespace of the platform', () => 'drop schema platform cascade'],
    ['rename the namespace of the platform', () => 'alter schema platform rename to p'],
    [
      'replace the guard',
      () =>
        `create or replace function platform.guard_dropped() returns event_trigger language plpgsql as 'begin end'`,
    ],
    ['drop the guard', () => 'drop event trigger velocity_guard_dropped'],
    ['disable the guard', () => 'alter event trigger velocity_guard_changed disable'],
    [
      'rewrite the functions that write',
      () =>
        `create or replace function ${trail.history}_update() returns trigger language plpgsql as 'begin return null; end'`,
    ],
    [
      'know another history as its own',
      () => `insert into platform.history_tables values ('a', 'b', 'c', 'd', 'e')`,
    ],
    ['forget what was purged', () => 'delete from platform.purged_records'],
    ['change what was migrated', () => `update platform.migrations set checksum = ''`],
  ])('cannot %s', async (_name, sql) => {
    const before = await past();
    const code = await attempt(url(), [sql()]);
    expect(denied, `${sql()}: ${code}`).toContain(code);
    expect(await past()).toBe(before);
  });

  it('cannot forge a write by an audit event', async () => {
    for (const operation of [
      'create',
      'update',
      'delete',
      'restore',
      'purge',
      ' Create',
      'UPDATE',
    ]) {
      for (const outcome of ['ok', 'OK', 'done', null]) {
        const sql = `select platform.audit_event('o', '${trail.path}', gen_random_uuid(), '${operation}', ${outcome === null ? 'null' : `'${outcome}'`}, null, null)`;
        expect(['42501', '22023'], sql).toContain(await attempt(url(), [sql]));
      }
    }
    expect(await trailProblems(superuser, trail)).toEqual([]);
  });
});

describe('velocity_operator, as the owner of namespace and record table', () => {
  const url = (): string => api.database.operatorUrl;
  const ways: [name: string, statements: () => string[]][] = [
    ['by dropping the namespace', () => [`drop schema ${trail.namespace} cascade`]],
    [
      'by dropping the namespace under another name',
      () => [
        `alter schema ${trail.namespace} rename to elsewhere`,
        'drop schema elsewhere cascade',
      ],
    ],
    [
      'as another owner of the namespace',
      () => [
        'create role tamper_owner',
        'grant tamper_owner to velocity_operator with set true',
        `alter schema ${trail.namespace} owner to tamper_owner`,
        'set local role tamper_owner',
        `drop table ${trail.history}`,
      ],
    ],
    [
      'by dropping the functions that write',
      () => [`drop function ${trail.history}_update() cascade`],
    ],
    ['by dropping the index that links', () => [`drop index ${trail.history}_id`]],
    [
      'by dropping the history while the records are there',
      () => [`select platform.drop_history('${trail.namespace}', 'thing_v1')`],
    ],
    [
      'by the history’s own functions on a table of its own',
      () => [
        `create table ${trail.namespace}.fake (like ${trail.table} including defaults)`,
        `create trigger t after insert on ${trail.namespace}.fake referencing new table as new_rows
           for each statement execute function ${trail.history}_create()`,
        `insert into ${trail.namespace}.fake (title) values ('forged')`,
      ],
    ],
    [
      'by a second table that claims the history',
      () => [
        `create table ${trail.namespace}.fake (like ${trail.table} including all)`,
        `select platform.sync_history('${trail.namespace}', 'fake', 'thing_v1_history', 'o', 'p', 1, true)`,
      ],
    ],
    [
      'by a type whose check would run as velocity_audit',
      () => [
        `create function ${trail.namespace}.evil(text) returns boolean language plpgsql as
          'begin if current_user = ''velocity_audit'' then delete from platform.audit_log; end if; return true; end'`,
        `create domain ${trail.namespace}.trojan as text check (${trail.namespace}.evil(value))`,
        `alter table ${trail.table} add column horse ${trail.namespace}.trojan`,
        `select platform.sync_history('${trail.namespace}', 'thing_v1', 'thing_v1_history', 'o', 'p', 2, true)`,
      ],
    ],
    [
      'by overloading the function that writes the audit',
      () => [
        `create function platform.audit_insert(text, text, bigint[], timestamptz[], uuid[], bigint[], text[], bigint[], jsonb[])
           returns void language sql as 'delete from platform.audit_log'`,
      ],
    ],
    [
      'by renaming a function to overload ours',
      () => [
        `create function platform.innocent(text, text, bigint) returns bigint language sql as 'select 1::bigint'`,
        'alter function platform.innocent(text, text, bigint) rename to refuse',
      ],
    ],
    [
      'by temporary tables in the place of the catalogue',
      () => [
        `create table ${trail.namespace}.mine (id uuid)`,
        'create temporary table pg_class as select * from pg_catalog.pg_class',
        `update pg_temp.pg_class set relowner = 'velocity_audit'::regrole where relname = 'mine'`,
        `select platform.sync_history('${trail.namespace}', 'thing_v1', 'mine', 'o', 'p', 1, true)`,
      ],
    ],
  ];

  it.each(ways)('cannot lose or forge history %s', async (_name, statements) => {
    const before = await past();
    const code = await attempt(url(), statements());
    expect(['42501', '55006', '23505', '2BP01'], String(code)).toContain(code);
    expect(await past()).toBe(before);
    await superuser.query('drop role if exists tamper_owner');
  });

  it('cannot empty the records past their history', async () => {
    expect(await attempt(url(), [`truncate ${trail.table}`])).toBe('42501');
    expect(await attempt(url(), [`truncate ${trail.table} cascade`])).toBe('42501');
  });

  it('drops the history of a schema that is gone, and nothing beside it', async () => {
    const namespace = `${trail.namespace}`;
    const done = await attempt(url(), [
      `drop table ${namespace}.thing_v1`,
      `select platform.drop_history('${namespace}', 'thing_v1')`,
      `select platform.drop_history('${namespace}', 'thing_v1')`,
    ]);
    expect(done).toBeUndefined();
    const { rows } = await superuser.query<{ left: string }>(
      `select relname as left from pg_class where relnamespace = $1::regnamespace and relname like 'thing%'
       union all select proname from pg_proc where pronamespace = $1::regnamespace and proname like 'thing%'`,
      [namespace],
    );
    expect(rows).toEqual([]);
    const entries = await superuser.query(
      `select operation from platform.audit_log where path = $1 order by id`,
      [trail.path],
    );
    const kept = entries.rows.map(({ operation }) => operation);
    expect(kept).toEqual(['create', 'create', 'create', 'drop-history']);
  });
});

describe('a role of the domain', () => {
  it('reads and writes records, deletes none, and sees no audit, and no past of what it cannot see', async () => {
    const as = (sql: string): Promise<string | undefined> =>
      attempt(api.database.apiUrl, [`set local role ${domainRole}`, sql]);
    const maker = trailOf(api, 'maker');
    expect(await as(`select from ${maker.table}`)).toBeUndefined();
    for (const sql of [
      `delete from ${maker.table}`,
      `truncate ${maker.table}`,
      `alter table ${maker.table} disable row level security`,
      `insert into ${maker.history} select * from ${maker.history}`,
      `select from ${maker.history}_default`,
      'select from platform.audit_log',
      'select from platform.resources',
      'select from platform.idempotency_keys',
      'select from platform.api_keys',
      `create table ${maker.namespace}.mine ()`,
    ]) {
      expect(await as(sql), sql).toBe('42501');
    }
    // Without a context no record is seen, and so no past of one (read-history.test.ts: with one it is).
    const seen = `do $$ begin perform from ${maker.history}; if found then raise 'seen'; end if; end $$`;
    expect(await as(seen)).toBeUndefined();
  });
});
