import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

const objects = ['tree', 'fruit', 'seed', 'tag', 'stone'] as const;
type Named = (typeof objects)[number];

let api: TestApi;
let send: Caller;
let superuser: pg.Client;

beforeAll(async () => {
  api = await openTestApi();
  const { tenant } = api;
  const spec = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
  const reference = (name: string, object: string, onDelete: string, key = 'id') => ({
    name,
    type: 'ref',
    filterable: true,
    ref: tenant.reference(object, { key, onDelete }),
  });
  const code = { name: 'code', type: 'string', unique: true };
  await api.provide(
    tenant.schema('tree', { fields: [code, reference('parent', 'tree', 'cascade')], spec }),
    tenant.schema('fruit', { fields: [code, reference('tree', 'tree', 'cascade')], spec }),
    tenant.schema('seed', { fields: [code, reference('fruit', 'fruit', 'cascade')], spec }),
    tenant.schema('tag', { fields: [code, reference('tree', 'tree', 'setNull', 'code')], spec }),
    tenant.schema('stone', { fields: [code, reference('seed', 'seed', 'restrict')], spec }),
  );
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
});

afterEach(async () => {
  for (const object of objects) {
    expect(await trailProblems(superuser, trailOf(api, object)), object).toEqual([]);
  }
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

async function create(object: Named, body: object = {}): Promise<string> {
  const answer = await send('POST', api.path(object), { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

const remove = (object: Named, id: string) => send('DELETE', `${api.path(object)}/${id}`);
const status = async (object: Named, id: string): Promise<number> =>
  (await send('GET', `${api.path(object)}/${id}`)).statusCode;

/** Rows made in the database, since a bulk takes 10,000 and these tests need one more. */
async function fill(object: Named, count: number, column: string, id: string): Promise<void> {
  const operator = await connect(api.database.operatorUrl);
  try {
    await operator.query(
      `insert into ${trailOf(api, object).table} (${column}) select $1::uuid from generate_series(1, $2)`,
      [id, count],
    );
  } finally {
    await operator.end();
  }
}

describe('deleting a record that others refer to', () => {
  it('deletes them too, and theirs, in one transaction under the same name', async () => {
    const tree = await create('tree', { code: 'oak' });
    const branch = await create('tree', { parent: tree });
    const fruit = await create('fruit', { tree: branch });
    const seed = await create('seed', { fruit });
    const tag = await create('tag', { tree: 'oak' });
    const bystander = await create('fruit');
    expect((await remove('tree', tree)).statusCode).toBe(204);
    for (const [object, id] of [
      ['tree', branch],
      ['fruit', fruit],
      ['seed', seed],
    ] as const) {
      expect(await status(object, id), object).toBe(404);
    }
    expect(await status('fruit', bystander)).toBe(200);
    const { data } = (await send('GET', `${api.path('tag')}/${tag}`)).json();
    expect(data).toMatchObject({ tree: null, version: 2, updated_by: 'wanda' });
    const { rows } = await superuser.query(
      `select count(distinct xid)::integer as transactions, array_agg(operation order by id) as operations,
              array_agg(distinct actor) as actors
         from platform.audit_log where entity_id = any ($1::uuid[]) and operation <> 'create'`,
      [[tree, branch, fruit, seed, tag]],
    );
    expect(rows[0]).toMatchObject({ transactions: 1, actors: ['wanda'] });
    expect(rows[0].operations.sort()).toEqual(['delete', 'delete', 'delete', 'delete', 'update']);
  });

  it('is refused while a restricting one lives, anywhere down the line, and changes nothing', async () => {
    const tree = await create('tree');
    const fruit = await create('fruit', { tree });
    const seed = await create('seed', { fruit });
    const stone = await create('stone', { seed });
    const refused = await remove('tree', tree);
    expect(refused.json()).toMatchObject({ status: 409, code: 'REFERENCE_CONFLICT' });
    expect(await Promise.all([status('tree', tree), status('fruit', fruit)])).toEqual([200, 200]);
    expect((await remove('stone', stone)).statusCode).toBe(204);
    expect((await remove('tree', tree)).statusCode).toBe(204);
    expect(await status('seed', seed)).toBe(404);
  });

  it('ends where records refer to one another in a circle', async () => {
    const one = await create('tree');
    const two = await create('tree', { parent: one });
    const body = { parent: two, version: 1 };
    expect((await send('PATCH', `${api.path('tree')}/${one}`, { body })).statusCode).toBe(200);
    expect((await remove('tree', one)).statusCode).toBe(204);
    expect(await status('tree', two)).toBe(404);
  });

  it('reaches 10,000 others and not one more', async () => {
    const tree = await create('tree');
    await fill('fruit', 10_000, 'tree', tree);
    const fruit = await create('fruit', { tree });
    const refused = await remove('tree', tree);
    expect(refused.json()).toMatchObject({ status: 409, code: 'REFERENCE_CONFLICT' });
    expect(refused.json().detail).toContain('10,000');
    expect(await status('fruit', fruit)).toBe(200);
    await remove('fruit', fruit);
    expect((await remove('tree', tree)).statusCode).toBe(204);
    const left = await send('GET', `${api.path('fruit')}?filter[tree]=${tree}&count=exact`);
    expect(left.json().pagination.total).toBe(0);
  });

  it('counts everything that one delete reaches, over all levels', async () => {
    const tree = await create('tree');
    const fruit = await create('fruit', { tree });
    await fill('seed', 10_000, 'fruit', fruit);
    expect((await remove('tree', tree)).json()).toMatchObject({ code: 'REFERENCE_CONFLICT' });
    expect(await status('tree', tree)).toBe(200);
  });

  it('does the same in a bulk and in psql', async () => {
    const [one, two] = [await create('tree'), await create('tree')];
    const fruits = [await create('fruit', { tree: one }), await create('fruit', { tree: two })];
    const rows = [{ op: 'delete', id: one }];
    const bulk = await send('POST', `${api.path('tree')}/bulk`, { body: rows });
    expect(bulk.statusCode, bulk.body).toBe(200);
    const operator = await connect(api.database.operatorUrl);
    await operator.query(
      `update ${trailOf(api, 'tree').table} set deleted_at = now() where id = $1`,
      [two],
    );
    await operator.end();
    for (const fruit of fruits) expect(await status('fruit', fruit)).toBe(404);
  });
});
