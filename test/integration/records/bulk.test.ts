import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { everythingSchemas } from './everything-schema.ts';

let api: TestApi;
let send: Caller;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...everythingSchemas(api.tenant));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  path = api.path('thing');
});

afterAll(() => api?.close());

interface Made {
  readonly id: string;
  readonly version: number;
}

async function create(body: object = {}): Promise<Made> {
  const answer = await send('POST', path, { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data;
}

const get = (id: string) => send('GET', `${path}/${id}`);
const bulk = (rows: unknown, query = '', headers: Record<string, string> = {}) =>
  send('POST', `${path}/bulk${query}`, { body: rows, headers });

describe('a bulk', () => {
  it('creates, changes and deletes in one request, answering row by row in order', async () => {
    const [a, b, c] = await Promise.all([create(), create({ title: 'b' }), create()]);
    const answer = await bulk([
      { op: 'delete', id: a.id, version: 1 },
      { op: 'create', record: { title: 'new' } },
      { op: 'update', id: b.id, version: 1, record: { quantity: 7 } },
      { op: 'update', id: c.id, record: { title: null, tags: ['x'] } },
    ]);
    expect(answer.statusCode, answer.body).toBe(200);
    const { data, summary } = answer.json();
    expect(summary).toEqual({ created: 1, updated: 2, deleted: 1, failed: 0 });
    expect(data).toEqual([
      { index: 0, status: 204, id: a.id },
      { index: 1, status: 201, id: expect.any(String), version: 1 },
      { index: 2, status: 200, id: b.id, version: 2 },
      { index: 3, status: 200, id: c.id, version: 2 },
    ]);
    expect((await get(a.id)).statusCode).toBe(404);
    expect((await get(b.id)).json().data).toMatchObject({ title: 'b', quantity: 7 });
    expect((await get(c.id)).json().data).toMatchObject({ title: null, tags: ['x'] });
  });

  it('is taken as NDJSON too', async () => {
    const lines = ['one', 'two'].map((title) =>
      JSON.stringify({ op: 'create', record: { title } }),
    );
    const answer = await bulk(`${lines.join('\n')}\n`, '', {
      'content-type': 'application/x-ndjson',
    });
    expect(answer.json().summary).toEqual({ created: 2, updated: 0, deleted: 0, failed: 0 });
  });

  it('is empty without harm', async () => {
    const answer = await bulk([]);
    expect([answer.statusCode, answer.json().data]).toEqual([200, []]);
  });

  it('merges into json and holds immutable fields, each against its own record', async () => {
    const [a, b] = await Promise.all([
      create({ attributes: { x: 1 }, serial: 'a' }),
      create({ attributes: { y: 2 }, serial: 'b' }),
    ]);
    const merged = await bulk([
      { op: 'update', id: a.id, record: { attributes: { z: 3 }, serial: 'a' } },
      { op: 'update', id: b.id, record: { attributes: { y: null } } },
    ]);
    expect(merged.statusCode, merged.body).toBe(200);
    expect((await get(a.id)).json().data.attributes).toEqual({ x: 1, z: 3 });
    expect((await get(b.id)).json().data.attributes).toEqual({});
    const refused = await bulk([{ op: 'update', id: b.id, record: { serial: 'c' } }]);
    expect(refused.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  });
});

describe('an atomic bulk', () => {
  const refusals: [name: string, row: (made: Made) => object, status: number, code: string][] = [
    [
      'a stale version',
      ({ id }) => ({ op: 'update', id, version: 9, record: {} }),
      409,
      'OPTIMISTIC_LOCK_FAILED',
    ],
    [
      'a stale delete',
      ({ id }) => ({ op: 'delete', id, version: 9 }),
      409,
      'OPTIMISTIC_LOCK_FAILED',
    ],
    [
      'a missing record',
      () => ({ op: 'delete', id: '01990000-0000-7000-8000-000000000001' }),
      404,
      'ENTITY_NOT_FOUND',
    ],
    [
      'a value taken',
      () => ({ op: 'create', record: { code: 'taken' } }),
      409,
      'UNIQUE_CONSTRAINT_VIOLATION',
    ],
    [
      'a missing reference',
      () => ({ op: 'create', record: { brand: 'nobody' } }),
      409,
      'REFERENCE_CONFLICT',
    ],
    ['a bad value', () => ({ op: 'create', record: { quantity: 'x' } }), 400, 'VALIDATION_ERROR'],
    ['an unknown field', () => ({ op: 'create', record: { nothing: 1 } }), 400, 'UNKNOWN_FIELD'],
    ['an unknown op', () => ({ op: 'upsert' }), 400, 'VALIDATION_ERROR'],
    [
      'a changed immutable',
      ({ id }) => ({ op: 'update', id, record: { serial: 'z' } }),
      400,
      'VALIDATION_ERROR',
    ],
  ];
  beforeAll(async () => void (await create({ code: 'taken' })));

  it.each(refusals)('writes nothing for %s', async (_name, row, status, code) => {
    const [other, made] = [await create({ title: 'other' }), await create({ serial: 's' })];
    const count = async () =>
      (await send('GET', `${path}?count=exact&limit=1`)).json().pagination.total;
    const before = await count();
    const answer = await bulk([
      { op: 'create', record: {} },
      { op: 'update', id: other.id, record: { title: 'changed' } },
      row(made),
    ]);
    expect(answer.json()).toMatchObject({ status, code });
    expect(await count()).toBe(before);
    expect((await get(other.id)).json().data.title).toBe('other');
  });

  it('names the record that is stale', async () => {
    const [a, b] = [await create(), await create()];
    const answer = await bulk([
      { op: 'update', id: a.id, version: 1, record: { title: 'a' } },
      { op: 'update', id: b.id, version: 2, record: { title: 'b' } },
    ]);
    expect(answer.json()).toMatchObject({ status: 409, details: { id: b.id, index: 1 } });
  });

  it('refuses to change one record twice', async () => {
    const { id } = await create();
    const row = { op: 'update', id, record: { title: 'x' } };
    const answer = await bulk([row, { ...row, id: id.toUpperCase() }]);
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  });
});

describe('a bulk that is not atomic', () => {
  it('writes the rows that can be, and tells what is wrong with each of the others', async () => {
    const [stale, fine] = await Promise.all([create({ serial: 's' }), create()]);
    const answer = await bulk(
      [
        { op: 'create', record: { code: 'partly' } },
        { op: 'create', record: { code: 'partly' } },
        { op: 'create', record: { brand: 'nobody' } },
        { op: 'create', record: { quantity: 'x' } },
        { op: 'update', id: stale.id, version: 4, record: { title: 'x' } },
        { op: 'update', id: fine.id, version: 1, record: { title: 'fine' } },
        { op: 'delete', id: '01990000-0000-7000-8000-000000000001' },
        'nonsense',
      ],
      '?atomic=false',
    );
    expect(answer.statusCode, answer.body).toBe(200);
    const { data, summary } = answer.json();
    expect(summary).toEqual({ created: 1, updated: 1, deleted: 0, failed: 6 });
    expect(
      data.map((row: { status: number; error?: { code: string } }) => [
        row.status,
        row.error?.code ?? '',
      ]),
    ).toEqual([
      [201, ''],
      [409, 'UNIQUE_CONSTRAINT_VIOLATION'],
      [409, 'REFERENCE_CONFLICT'],
      [400, 'VALIDATION_ERROR'],
      [409, 'OPTIMISTIC_LOCK_FAILED'],
      [200, ''],
      [404, 'ENTITY_NOT_FOUND'],
      [400, 'VALIDATION_ERROR'],
    ]);
  });
});
