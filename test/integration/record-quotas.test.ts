import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

let api: TestApi;
let wanda: Caller;

const fields = [
  { name: 'code', type: 'string', unique: true, filterable: true },
  { name: 'title', type: 'string' },
];

beforeAll(async () => {
  api = await openTestApi();
  const spec = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
  await api.provide(
    ...['note', 'memo', 'page', 'card'].map((name) => api.tenant.schema(name, { fields, spec })),
  );
  wanda = callerOf(api, await api.keyFor('wanda', ['writer']));
});

afterAll(() => api?.close());

async function quotas(resourceQuotas: object, tenancyMode = 'multi-tenant'): Promise<void> {
  const { organisation } = api.tenant;
  const spec = { displayName: 'Acme', tenancyMode, resourceQuotas };
  await api.provide(manifest('Organisation', organisation, organisation, spec));
}

const create = async (object: string, code: string, headers: Record<string, string> = {}) =>
  wanda('POST', api.path(object), { body: { code }, headers });

describe('maxRecordsPerSchema', () => {
  it('bounds every way to create a record, and no other write', async () => {
    await quotas({ maxRecordsPerSchema: 5 });
    const first = await create('note', 'a');
    for (const code of ['b', 'c']) expect((await create('note', code)).statusCode).toBe(201);
    const bulk = (...codes: string[]) =>
      wanda('POST', `${api.path('note')}/bulk`, {
        body: codes.map((code) => ({ op: 'create', record: { code } })),
      });
    expect((await bulk('d', 'e', 'f')).json()).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { quota: 'maxRecordsPerSchema', max: 5 },
    });
    expect((await bulk('d', 'e')).statusCode).toBe(200);

    const id = '01990000-0000-7000-8000-000000000001';
    const upsert = (code: string) =>
      wanda('POST', `${api.path('note')}?onConflict=code`, { body: { code, title: 'new' } });
    for (const refused of [
      await create('note', 'f'),
      await wanda('PUT', `${api.path('note')}/${id}`, { body: { code: 'f' } }),
      await upsert('f'),
      await bulk('f'),
    ]) {
      expect([refused.statusCode, refused.json().code]).toEqual([429, 'QUOTA_EXCEEDED']);
    }
    // What is there already may be changed.
    const record = `${api.path('note')}/${first.json().data.id}`;
    expect((await upsert('a')).statusCode).toBe(200);
    const put = await wanda('PUT', record, { body: { code: 'a', version: 2 } });
    expect(put.statusCode).toBe(200);
    const patch = await wanda('PATCH', record, { body: { title: 'newer', version: 3 } });
    expect(patch.statusCode).toBe(200);
    // Other schemas have a quota of their own.
    expect((await create('memo', 'a')).statusCode).toBe(201);
    // Deleting makes room.
    expect((await wanda('DELETE', record)).statusCode).toBe(204);
    await until(async () => (await create('note', 'g')).statusCode === 201, 15_000);
    expect((await create('note', 'h')).statusCode).toBe(429);
  });

  it('answers a request again that was answered while there was room', async () => {
    await quotas({ maxRecordsPerSchema: 1 });
    const headers = { 'idempotency-key': 'only-one' };
    const answer = await create('page', 'a', headers);
    expect(answer.statusCode).toBe(201);
    const again = await create('page', 'a', headers);
    expect(again.statusCode).toBe(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect((await create('page', 'b')).statusCode).toBe(429);
  });

  it('is held under concurrent creates of one replica', async () => {
    await quotas({ maxRecordsPerSchema: 20 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => create('card', `c${index}`)),
    );
    const created = answers.filter(({ statusCode }) => statusCode === 201);
    expect(created).toHaveLength(20);
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(refused).toHaveLength(40);
  });

  it('counts in organisations of many tenants only', async () => {
    await quotas({ maxRecordsPerSchema: 1 }, 'single');
    for (const code of ['x', 'y']) expect((await create('memo', code)).statusCode).toBe(201);
  });
});

describe('maxStorageGb', () => {
  it('bounds what an application takes, deletes excepted', async () => {
    await quotas({});
    const { organisation } = api.tenant;
    const shop = (resourceQuotas: object) =>
      manifest('Application', 'shop', organisation, {
        ...{ org: organisation, displayName: 'Shop', resourceQuotas },
      });
    await api.provide(shop({ maxStorageGb: 1 }));
    const record = await create('memo', 's');
    expect(record.statusCode).toBe(201);
    const path = `${api.path('memo')}/${record.json().data.id}`;
    await api.provide(shop({ maxStorageGb: 0 }));
    await until(async () => (await create('memo', 't')).statusCode === 429, 5_000);
    const refused = await wanda('PATCH', path, { body: { title: 'x', version: 1 } });
    expect(refused.json()).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { quota: 'maxStorageGb', max: 0 },
    });
    expect((await wanda('GET', path)).statusCode).toBe(200);
    expect((await wanda('DELETE', path)).statusCode).toBe(204);
    await api.provide(shop({}));
    expect((await create('memo', 't')).statusCode).toBe(201);
  });
});
