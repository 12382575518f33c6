import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { everythingSchemas, exactThing } from './everything-schema.ts';
import type { Trail } from './trail.ts';
import { connect, trailOf, trailProblems, versionsOf } from './trail.ts';

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
/** A person at psql who logged in as velocity_operator. */
let operator: pg.Client;
let trail: Trail;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...everythingSchemas(api.tenant));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  operator = await connect(api.database.operatorUrl);
  trail = trailOf(api, 'thing');
  path = api.path('thing');
});

afterEach(async () => {
  expect(await trailProblems(superuser, trail)).toEqual([]);
  expect(await trailProblems(superuser, trailOf(api, 'maker'))).toEqual([]);
});

afterAll(async () => {
  await superuser?.end();
  await operator?.end();
  await api?.close();
});

async function create(body: object = {}): Promise<string> {
  const answer = await send('POST', path, { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

const operations = async (id: string): Promise<unknown[]> =>
  (await versionsOf(superuser, trail, id)).map(({ version, operation, actor }) => [
    version,
    operation,
    actor,
  ]);

describe('every write through the API leaves one version and one linked audit entry', () => {
  it('a create, a patch, a put and a delete', async () => {
    const maker = (await send('POST', api.path('maker'), { body: { code: 'm' } })).json().data;
    const id = await create(exactThing(maker.id, 'm'));
    const url = `${path}/${id}`;
    await send('PATCH', url, { body: { quantity: 2, version: 1 } });
    await send('PUT', url, { body: { title: 'put', version: 2 } });
    await send('DELETE', url, { headers: { 'if-match': '"3"' } });
    expect(await operations(id)).toEqual([
      [1, 'create', 'wanda'],
      [2, 'update', 'wanda'],
      [3, 'update', 'wanda'],
      [4, 'delete', 'wanda'],
    ]);
  });

  it('with who, why and by which request, and what changed', async () => {
    const id = await create({ title: 'a', quantity: 1 });
    const answer = await send('PATCH', `${path}/${id}`, {
      headers: { 'x-audit-reason': 'größer', 'x-ticket-ref': 'T-1', 'x-request-id': 'r-1' },
      body: { quantity: 2, version: 1 },
    });
    expect(answer.statusCode, answer.body).toBe(200);
    const { rows } = await superuser.query(
      `select organisation, actor, actor_type, strategy, request_id, reason, ticket_ref, payload
         from platform.audit_log where entity_id = $1 and entity_version = 2`,
      [id],
    );
    expect(rows).toEqual([
      {
        organisation: api.tenant.organisation,
        actor: 'wanda',
        actor_type: 'user',
        strategy: 'apikey',
        request_id: 'r-1',
        reason: 'größer',
        ticket_ref: 'T-1',
        payload: { old: { quantity: 1 }, new: { quantity: 2 } },
      },
    ]);
  });

  it('an upsert that creates and one that changes', async () => {
    const upsert = () =>
      send('POST', `${path}?onConflict=code`, { body: { code: 'up', quantity: 1 } });
    const id = (await upsert()).json().data.id;
    await upsert();
    expect(await operations(id)).toEqual([
      [1, 'create', 'wanda'],
      [2, 'update', 'wanda'],
    ]);
  });

  it('a bulk of 10,000 rows, created, changed and deleted', async () => {
    const indexes = Array.from({ length: 10_000 }, (_, index) => index);
    const bulk = async (rows: object[]): Promise<{ id: string }[]> => {
      const answer = await send('POST', `${path}/bulk`, { body: rows });
      expect(answer.statusCode, answer.body.slice(0, 500)).toBe(200);
      return answer.json().data;
    };
    const made = await bulk(
      indexes.map((quantity) => ({ op: 'create', record: { quantity, tags: ['bulk'] } })),
    );
    await bulk(made.map(({ id }) => ({ op: 'update', id, version: 1, record: { title: 'b' } })));
    await bulk(made.map(({ id }) => ({ op: 'delete', id, version: 2 })));
    const { rows } = await superuser.query(
      `select _operation, count(*)::integer, count(distinct _occurred_at)::integer as instants
         from ${trail.history} where tags = '{bulk}' group by 1 order by 1`,
    );
    expect(rows).toEqual([
      { _operation: 'create', count: 10_000, instants: 1 },
      { _operation: 'delete', count: 10_000, instants: 1 },
      { _operation: 'update', count: 10_000, instants: 1 },
    ]);
  });

  it('and a refused one leaves nothing', async () => {
    const id = await create({ code: 'only' });
    const count = async () =>
      (await superuser.query('select count(*)::integer from platform.audit_log')).rows[0].count;
    const before = await count();
    await send('POST', path, { body: { code: 'only' } });
    await send('PATCH', `${path}/${id}`, { body: { title: 'x', version: 2 } });
    await send('DELETE', `${path}/${id}`, { headers: { 'if-match': '"2"' } });
    await send('POST', `${path}/bulk`, {
      body: [
        { op: 'create', record: {} },
        { op: 'create', record: { code: 'only' } },
      ],
    });
    expect(await count()).toBe(before);
  });
});

describe('the comparison of table, history and audit', () => {
  it.each([
    ['a row changed', (t: Trail) => `update ${t.table} set title = 'forged' where id = $1`],
    ['a row removed', (t: Trail) => `delete from ${t.table} where id = $1`],
    ['a version missing', (t: Trail) => `delete from ${t.history} where id = $1 and version = 1`],
    ['a version altered', (t: Trail) => `update ${t.history} set title = 'forged' where id = $1`],
    [
      'an entry missing',
      () => 'delete from platform.audit_log where entity_id = $1 and entity_version = 2',
    ],
    ['a link cut', () => 'update platform.audit_log set previous_id = null where entity_id = $1'],
    ['an author altered', () => `update platform.audit_log set actor = 'eve' where entity_id = $1`],
  ])('would find %s', async (_name, sql) => {
    const id = await create({ title: 'honest' });
    await send('PATCH', `${path}/${id}`, { body: { quantity: 1, version: 1 } });
    await superuser.query('begin');
    try {
      await superuser.query('set local session_replication_role = replica');
      await superuser.query(sql(trail), [id]);
      expect(await trailProblems(superuser, trail)).not.toEqual([]);
    } finally {
      await superuser.query('rollback');
    }
  });
});

describe('so does every write in psql as velocity_operator', () => {
  it('an INSERT that names nothing but a title', async () => {
    const { rows } = await operator.query(
      `insert into ${trail.table} (title) values ('by hand') returning id, version, created_by, status`,
    );
    expect(rows[0]).toMatchObject({
      version: '1',
      created_by: 'velocity_operator',
      status: 'open',
    });
    expect(await operations(rows[0].id)).toEqual([[1, 'create', 'velocity_operator']]);
    const { data } = (await send('GET', `${path}/${rows[0].id}`)).json();
    expect(data).toMatchObject({ title: 'by hand', version: 1 });
  });

  it('an INSERT that claims a past', async () => {
    const { rows } = await operator.query(
      `insert into ${trail.table} (version, created_at, created_by, updated_by)
       values (7, '1999-01-01', 'eve', 'eve') returning version::integer, created_by, updated_at > now() - interval '1 hour' as recent`,
    );
    expect(rows).toEqual([{ version: 1, created_by: 'velocity_operator', recent: true }]);
  });

  it('an UPDATE that knows nothing of versions', async () => {
    const ids = [await create({ title: 'plain' }), await create({ title: 'plain' })];
    await operator.query(`update ${trail.table} set quantity = 5 where title = 'plain'`);
    for (const id of ids) {
      expect(await operations(id)).toEqual([
        [1, 'create', 'wanda'],
        [2, 'update', 'velocity_operator'],
      ]);
      const stale = await send('PATCH', `${path}/${id}`, { body: { title: 'x', version: 1 } });
      expect(stale.statusCode).toBe(409);
    }
  });

  it('an UPDATE that forges version, author or time', async () => {
    const id = await create();
    await operator.query(
      `update ${trail.table} set version = 77, created_by = 'eve', updated_by = 'eve', updated_at = '1999-01-01' where id = $1`,
      [id],
    );
    const { data } = (await send('GET', `${path}/${id}`)).json();
    expect(data).toMatchObject({
      version: 2,
      created_by: 'wanda',
      updated_by: 'velocity_operator',
    });
    await expect(
      operator.query(`update ${trail.table} set id = gen_random_uuid() where id = $1`, [id]),
    ).rejects.toMatchObject({ code: 'VE021' });
  });

  it('a record that changes twice in one transaction, at two instants in order', async () => {
    await operator.query('begin');
    const { rows } = await operator.query(
      `insert into ${trail.table} (title) values ('twice') returning id`,
    );
    const id = rows[0].id;
    await operator.query(`update ${trail.table} set quantity = 1 where id = $1`, [id]);
    await operator.query(`update ${trail.table} set quantity = 2 where id = $1`, [id]);
    await operator.query(`update ${trail.table} set deleted_at = now() where id = $1`, [id]);
    await operator.query('commit');
    const versions = await versionsOf(superuser, trail, id);
    expect(versions.map(({ operation }) => operation)).toEqual([
      'create',
      'update',
      'update',
      'delete',
    ]);
    expect(new Set(versions.map(({ at }) => at)).size).toBe(4);
  });

  it('an INSERT … ON CONFLICT DO UPDATE over new and known rows', async () => {
    const id = await create({ code: 'k1' });
    const { rows } = await operator.query(
      `insert into ${trail.table} (code, quantity) values ('k1', 1), ('k2', 2)
         on conflict (code) do update set quantity = excluded.quantity returning id, version::integer`,
    );
    expect(rows).toEqual([
      { id, version: 2 },
      { id: expect.any(String), version: 1 },
    ]);
  });

  it('a DELETE that removes the row for good, whose id never comes back', async () => {
    const id = await create();
    await operator.query(`delete from ${trail.table} where id = $1`, [id]);
    expect(await operations(id)).toEqual([
      [1, 'create', 'wanda'],
      [2, 'purge', 'velocity_operator'],
    ]);
    const answer = await send('PUT', `${path}/${id}`, { body: {} });
    expect(answer.json()).toMatchObject({ status: 409, code: 'UNIQUE_CONSTRAINT_VIOLATION' });
  });

  it('and what changes no row, nothing', async () => {
    await operator.query(`update ${trail.table} set quantity = 1 where false`);
    await expect(operator.query(`truncate ${trail.table}`)).rejects.toMatchObject({
      code: '42501',
    });
  });
});
