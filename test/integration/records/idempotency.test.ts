import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller, Send } from './call.ts';
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

async function create(body: object = {}): Promise<{ id: string; url: string }> {
  const { id } = (await send('POST', path, { body })).json().data;
  return { id, url: `${path}/${id}` };
}

async function versions(id: string): Promise<number> {
  const table = `${api.tenant.namespace.replaceAll('-', '_')}.thing_v1_history`;
  const { rows } = await api.operator.query<{ count: number }>({
    text: `select count(*)::integer as count from ${table} where id = $1::uuid`,
    values: [id],
  });
  return rows[0]?.count ?? 0;
}

const json = { 'content-type': 'application/json-patch+json' };
const fresh = '01990000-0000-7000-8000-0000000000c1';

type Write = [name: string, method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, send: Send];

/** Every kind of write, those first whose second run would find the record changed by the first. */
async function writes(): Promise<Write[]> {
  const made = await Promise.all(Array.from({ length: 6 }, () => create({ attributes: { a: 1 } })));
  const url = (index: number): string => made[index]?.url ?? '';
  const ifMatch = { 'if-match': '"1"' };
  return [
    ['a create', 'POST', path, { body: { title: 'once' } }],
    ['a merge patch', 'PATCH', url(0), { body: { title: 'x', version: 1 } }],
    ['a merge into json', 'PATCH', url(1), { headers: ifMatch, body: { attributes: { b: 2 } } }],
    [
      'a JSON patch',
      'PATCH',
      url(2),
      { headers: { ...json, ...ifMatch }, body: [{ op: 'remove', path: '/attributes/a' }] },
    ],
    ['a replacing put', 'PUT', url(3), { body: { title: 'put', version: 1 } }],
    ['a creating put', 'PUT', `${path}/${fresh}`, { body: { title: 'put' } }],
    ['a delete', 'DELETE', url(4), { headers: ifMatch }],
    ['a bulk', 'POST', `${path}/bulk`, { body: [{ op: 'create', record: {} }] }],
    ['an upsert', 'POST', `${path}?onConflict=code`, { body: { code: 'once' } }],
  ];
}

describe('an idempotency key', () => {
  it('gives every kind of write its first answer again, and no second effect', async () => {
    const count = async (): Promise<number> =>
      (await send('GET', `${path}?count=exact&limit=1`)).json().pagination.total;
    for (const [name, method, url, { headers, body }] of await writes()) {
      const again = (): ReturnType<Caller> =>
        send(method, url, {
          headers: { ...headers, 'idempotency-key': name.replaceAll(' ', '-') },
          body,
        });
      const first = await again();
      expect(first.statusCode, `${name}: ${first.body}`).toBeLessThan(300);
      const before = await count();
      const second = await again();
      expect(second.statusCode, `${name}: ${second.body}`).toBe(first.statusCode);
      expect(second.headers['idempotency-replayed'], name).toBe('true');
      expect(second.headers['etag'], name).toBe(first.headers['etag']);
      expect(second.headers['location'], name).toBe(first.headers['location']);
      if (first.body !== '') expect(second.json().data, name).toEqual(first.json().data);
      expect(await count(), name).toBe(before);
    }
  });

  it('answers for a record that was deleted since', async () => {
    const { id, url } = await create();
    const headers = { 'idempotency-key': 'then-deleted' };
    const patch = () => send('PUT', url, { headers, body: { title: 'x', version: 1 } });
    expect((await patch()).statusCode).toBe(200);
    await send('DELETE', url);
    const second = await patch();
    expect([second.statusCode, second.headers['idempotency-replayed']]).toEqual([200, 'true']);
    expect(await versions(id)).toBe(3);
  });

  it('is refused for another body, kept apart by route and actor, and free after a refusal', async () => {
    const other = callerOf(api, await api.keyFor('otto', ['writer']));
    const headers = { 'idempotency-key': 'shared' };
    const post = (caller: Caller, body: object, url = path) =>
      caller('POST', url, { headers, body });
    expect((await post(send, { quantity: 'x' })).statusCode).toBe(400);
    expect((await post(send, { brand: 'nobody' })).statusCode).toBe(409);
    const first = await post(send, { title: 'a' });
    expect([first.statusCode, first.headers['idempotency-replayed']]).toEqual([201, undefined]);
    const conflict = await post(send, { title: 'b' });
    expect(conflict.json()).toMatchObject({ status: 409, code: 'IDEMPOTENCY_CONFLICT' });
    expect((await post(other, { title: 'b' })).headers['idempotency-replayed']).toBeUndefined();
    const elsewhere = await post(send, { code: 'e', name: 'E' }, api.path('maker'));
    expect(elsewhere.statusCode, elsewhere.body).toBe(201);
  });

  it('creates exactly one record for sixteen racing requests', async () => {
    const body = { code: 'raced' };
    const answers = await Promise.all(
      Array.from({ length: 16 }, () =>
        send('POST', path, { headers: { 'idempotency-key': 'race' }, body }),
      ),
    );
    const created = answers.filter((answer) => answer.statusCode === 201);
    const busy = answers.filter((answer) => answer.statusCode !== 201);
    for (const answer of busy) {
      expect(answer.json()).toMatchObject({ status: 409, code: 'IDEMPOTENCY_IN_PROGRESS' });
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(new Set(created.map((answer) => answer.json().data.id)).size).toBe(1);
    expect(
      created.filter((answer) => answer.headers['idempotency-replayed'] === undefined),
    ).toHaveLength(1);
    const found = (await send('GET', `${path}?filter[code]=raced&count=exact`)).json();
    expect(found.pagination.total).toBe(1);
    expect(await versions(found.data[0].id)).toBe(1);
  });

  it('changes a record once for sixteen racing requests', async () => {
    const { id, url } = await create({ attributes: {} });
    const body = { attributes: { raced: true }, version: 1 };
    const answers = await Promise.all(
      Array.from({ length: 16 }, () =>
        send('PATCH', url, { headers: { 'idempotency-key': 'race' }, body }),
      ),
    );
    for (const answer of answers.filter(({ statusCode }) => statusCode !== 200)) {
      expect(answer.json().code, answer.body).toBe('IDEMPOTENCY_IN_PROGRESS');
    }
    expect(answers.some(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(await versions(id)).toBe(2);
  });

  it('is forgotten after a day', async () => {
    const headers = { 'idempotency-key': 'yesterday' };
    const first = await send('POST', path, { headers, body: {} });
    await api.operator.query({
      text: `update platform.idempotency_keys set created_at = created_at - interval '25 hours' where key = 'yesterday'`,
    });
    const second = await send('POST', path, { headers, body: {} });
    expect(second.headers['idempotency-replayed']).toBeUndefined();
    expect(second.json().data.id).not.toBe(first.json().data.id);
    await api.operator.query({
      text: `update platform.idempotency_keys set created_at = created_at - interval '25 hours' where key = 'yesterday'`,
    });
    const { rows } = await api.operator.query<{ swept: number }>({
      text: 'select platform.idempotency_sweep(100)::integer as swept',
    });
    expect(rows).toEqual([{ swept: 1 }]);
  });
});
