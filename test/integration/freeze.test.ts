import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSchemaDrift } from '../../src/activities/drift/check-drift.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf } from './records/trail.ts';

let api: TestApi;
let superuser: pg.Client;
let operator: pg.Client;
let writer: string;
let rootId: string;
let lonelyId: string;

const access = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  operator = await connect(api.database.operatorUrl);
  const { schema, reference } = api.tenant;
  await api.provide(schema('root', { spec: access }));
  const link = (name: string, onDelete: string) => ({
    fields: [
      { name: 'title', type: 'string', unique: true },
      { name, type: 'ref', ref: reference('root', { onDelete }) },
    ],
    spec: access,
  });
  await api.provide(schema('leaf', link('root', 'cascade')));
  await api.provide(schema('note', link('root', 'setNull')));
  writer = await api.keyFor('writer', ['writer']);
  rootId = await create('root', { title: 'one' });
  lonelyId = await create('root', { title: 'two' });
  await create('leaf', { title: 'a', root: rootId });
  await create('note', { title: 'n', root: rootId });
});

afterAll(async () => {
  await operator?.end();
  await superuser?.end();
  await api?.close();
});

async function create(object: string, payload: object): Promise<string> {
  const answer = await api.call(writer, { method: 'POST', url: api.path(object), payload });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

async function say(verb: string, name: string, payload?: object, key = api.adminKey) {
  const url = `/api/platform/schemas/${api.tenant.namespace}/${name}/${verb}`;
  return api.call(key, { method: 'POST', url, ...(payload !== undefined && { payload }) });
}

/** As the schedule does. */
async function schemaNow(name: string): Promise<SchemaDefinition> {
  const ref = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name } as const;
  await checkSchemaDrift(api.activities, ref);
  return (await api.deps.resources.find(ref)) as SchemaDefinition;
}

describe('a schema frozen by hand', () => {
  it('refuses every write and answers every read', async () => {
    const id = await create('leaf', { title: 'b' });
    const frozen = await say('freeze', 'leaf', { reason: 'odd totals' });
    expect(frozen.json().data).toMatchObject({ frozen: true, changed: true });
    expect((await say('freeze', 'leaf')).json().data).toMatchObject({ changed: false });
    const url = api.path('leaf');
    const one = `${url}/${id}`;
    const record = { title: 'c' };
    const writes = [
      { method: 'POST', url, payload: record },
      { method: 'POST', url: `${url}?onConflict=title`, payload: { title: 'b' } },
      { method: 'PUT', url: `${url}/01980000-0000-7000-8000-000000000001`, payload: record },
      { method: 'PATCH', url: one, payload: { title: 'd', version: 1 } },
      { method: 'DELETE', url: one },
      { method: 'POST', url: `${url}/bulk`, payload: [{ op: 'create', record }] },
      { method: 'POST', url: `${url}/bulk?atomic=false`, payload: [{ op: 'delete', id }] },
    ] as const;
    for (const request of writes) {
      const answer = await api.call(writer, request);
      expect([answer.statusCode, answer.json().code], request.url).toEqual([409, 'SCHEMA_FROZEN']);
    }
    expect((await api.call(writer, { url: one })).statusCode).toBe(200);
    expect((await api.call(writer, { url })).json().data).toHaveLength(2);
  });

  it('is not written through a reference either', async () => {
    const url = `${api.path('root')}/${rootId}`;
    const refused = await api.call(writer, { method: 'DELETE', url });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    await say('unfreeze', 'leaf');
    await say('freeze', 'note');
    const nulled = await api.call(writer, { method: 'DELETE', url });
    expect([nulled.statusCode, nulled.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    const lonely = await api.call(writer, {
      method: 'DELETE',
      url: `${api.path('root')}/${lonelyId}`,
    });
    expect(lonely.statusCode).toBe(204);
    await say('unfreeze', 'note');
    expect((await api.call(writer, { method: 'DELETE', url })).statusCode).toBe(204);
  });

  it('is shut in the database too, for a replica that has not heard of it', async () => {
    const { table } = trailOf(api, 'leaf');
    const rights = async () => {
      const { rows } = await superuser.query(
        `select d.pg_role, has_table_privilege(d.pg_role, $1, 'insert, update') as writes,
                has_table_privilege(d.pg_role, $1, 'select') as reads
           from platform.domains d where d.namespace = $2`,
        [table, api.tenant.namespace],
      );
      return [rows[0].reads, rows[0].writes];
    };
    expect(await rights()).toEqual([true, true]);
    await say('freeze', 'leaf', { reason: 'odd totals' });
    expect(await rights()).toEqual([true, false]);
  });

  it('says so in its status, and is no drift', async () => {
    const { status } = await schemaNow('leaf');
    expect(status?.phase).toBe('Frozen');
    const conditions = new Map(status?.conditions?.map((one) => [one.type, one]));
    expect(conditions.get('Ready')).toMatchObject({ status: 'True' });
    expect(conditions.get('Frozen')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('odd totals'),
    });
    expect(conditions.has('Drifted')).toBe(false);
  });

  it('keeps its form until somebody lets it go', async () => {
    const wider = api.tenant.schema('leaf', {
      fields: [
        { name: 'title', type: 'string', unique: true },
        { name: 'root', type: 'ref', ref: api.tenant.reference('root', { onDelete: 'cascade' }) },
        { name: 'more', type: 'integer' },
      ],
      spec: access,
    });
    await api.provide(wider);
    const held = await schemaNow('leaf');
    expect(held.status).toMatchObject({ phase: 'Frozen', activeRevision: 1 });
    expect(held.status?.conditions).toContainEqual(
      expect.objectContaining({
        ...{ type: 'Ready', status: 'False', reason: 'Frozen' },
        message: expect.stringContaining('velocity schema unfreeze leaf'),
      }),
    );
    await say('unfreeze', 'leaf', { reason: 'totals are right' });
    await api.provide(wider);
    expect((await schemaNow('leaf')).status).toMatchObject({ phase: 'Ready', activeRevision: 2 });
    await create('leaf', { title: 'again', more: 3 });
  });

  it('is written by its owner at psql, who leaves history as ever', async () => {
    await say('freeze', 'leaf');
    const { table, history } = trailOf(api, 'leaf');
    await operator.query(`update ${table} set more = 4 where title = 'again'`);
    const { rows } = await superuser.query(
      `select _actor as actor from ${history} where title = 'again' order by _occurred_at desc limit 1`,
    );
    expect(rows).toEqual([{ actor: 'velocity_operator' }]);
    await say('unfreeze', 'leaf');
  });

  it('leaves who and why in the audit', async () => {
    const { rows } = await superuser.query(
      `select operation, actor, reason from platform.audit_log
        where operation ~ 'freeze' and payload ->> 'schema' = $1 and reason is not null order by id`,
      [`${api.tenant.namespace}/leaf`],
    );
    expect(rows.map(({ operation, reason }) => [operation, reason])).toEqual([
      ['freeze-schema', 'odd totals'],
      ['freeze-schema', 'odd totals'],
      ['unfreeze-schema', 'totals are right'],
    ]);
    expect(rows[0].actor).not.toBe('velocity_api');
  });

  it('is frozen by whoever administers its domain, and nobody else', async () => {
    expect((await say('freeze', 'leaf', {}, writer)).statusCode).toBe(403);
    expect((await say('freeze', 'nothing')).statusCode).toBe(404);
    expect((await say('freeze', 'leaf', { why: 'x' })).statusCode).toBe(400);
  });
});

describe('a schema frozen by its manifest', () => {
  it('is read only in the database as well, until the manifest lets it go', async () => {
    const still = (frozen: boolean) =>
      api.tenant.schema('root', { spec: { ...access, lifecycle: { frozen } } });
    await api.provide(still(true));
    expect((await schemaNow('root')).status?.phase).toBe('Frozen');
    const answer = await api.call(writer, {
      ...{ method: 'POST', url: api.path('root'), payload: { title: 'x' } },
    });
    expect(answer.json().code).toBe('SCHEMA_FROZEN');
    await api.provide(still(false));
    expect((await schemaNow('root')).status?.phase).toBe('Ready');
    await create('root', { title: 'x' });
  });
});

describe('the routes of drift', () => {
  it('show an administrator what differs, and nobody else', async () => {
    const { table } = trailOf(api, 'note');
    await superuser.query(`alter table ${table} disable trigger velocity_history_update`);
    await schemaNow('note');
    const url = `/api/platform/schemas/${api.tenant.namespace}/note/drift`;
    const { data } = (await api.call(api.adminKey, { url })).json();
    expect(data).toMatchObject({ drifted: true, versions: [{ version: 'v1', revision: 1 }] });
    expect(data.versions[0].items).toEqual([
      {
        ...{ kind: 'trigger', name: 'velocity_history_update', difference: 'changed' },
        summary: expect.stringContaining('is disabled: writes leave no history'),
        expected: expect.stringContaining('CREATE TRIGGER'),
        actual: expect.stringContaining('(disabled)'),
      },
    ]);
    const all = (await api.call(api.adminKey, { url: '/api/platform/drift' })).json().data;
    expect(all.map(({ name }: { name: string }) => name)).toEqual(['note']);
    // As much drift elsewhere as a list holds, and in front of all that is one's own.
    await superuser.query(
      `insert into platform.schema_drift (namespace, name, version, revision, items, since)
       select '0-elsewhere', 'n' || n, 'v1', 1, '[]', clock_timestamp() from generate_series(1, 1000) n`,
    );
    const admin = await api.keyFor('anna', ['sales-admin']);
    const own = (await api.call(admin, { url: '/api/platform/drift' })).json().data;
    await superuser.query(`delete from platform.schema_drift where namespace = '0-elsewhere'`);
    expect(own.map(({ name }: { name: string }) => name)).toEqual(['note']);
    expect((await api.call(writer, { url })).statusCode).toBe(403);
    await superuser.query(`alter table ${table} enable trigger velocity_history_update`);
    await schemaNow('note');
    expect((await api.call(api.adminKey, { url })).json().data).toMatchObject({ drifted: false });
  });
});
