import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let scoped: ApiProcess;
let key: string;
let adminKey: string;

beforeAll(async () => {
  api = await openTestApi();
  const { organisation, namespace, schema, reference } = api.tenant;
  const other = `${organisation}-shop-stock`;
  const access = { roles: [{ role: 'reader', operations: ['read', 'create'] }] };
  const strategyRef = { name: 'keys', namespace: other };
  await api.provide(
    manifest('Domain', 'stock', other, {
      ...{ app: 'shop', displayName: 'Stock' },
      access: { defaultRole: 'reader', adminRole: 'stock-admin' },
    }),
    manifest('AuthStrategy', 'keys', other, { type: 'apikey', config: {} }),
  );
  const item = schema('item', {
    fields: [
      { name: 'title', type: 'string' },
      { name: 'hidden', type: 'boolean', filterable: true },
    ],
    spec: {
      access: {
        ...access,
        rowFilter: [{ role: 'reader', filter: { field: 'hidden', op: 'eq', value: false } }],
      },
    },
  });
  const stored = { ...item.spec, auth: { strategyRef } };
  await api.provide(manifest('SchemaDefinition', 'item', other, stored));
  await api.provide(
    schema('line', {
      fields: [
        { name: 'note', type: 'string' },
        { name: 'item', type: 'ref', ref: reference('item', { domain: 'stock' }) },
      ],
      spec: { access },
    }),
  );
  key = await api.keyFor('ann', ['reader']);
  await api.provide(manifest('RoleBinding', 'ann', other, { actorId: 'ann', roles: ['reader'] }));
  adminKey = await api.keyFor('root', []);
  const roles = ['stock-admin'];
  await api.provide(manifest('RoleBinding', 'root', other, { actorId: 'root', roles }));
  scoped = await spawnApi({
    VELOCITY_DATABASE_URL: api.database.apiUrl,
    VELOCITY_SERVE: `${organisation}/shop/sales`,
  });
  expect(namespace).toBe(`${organisation}-shop-sales`);
});

afterAll(async () => {
  scoped?.kill('SIGTERM');
  await scoped?.exited;
  await api?.close();
});

describe('an API that serves one domain', () => {
  it('answers for its schemas and knows no others', async () => {
    const { organisation } = api.tenant;
    expect(await status(`/api/${organisation}/shop/sales/line/v1`)).toBe(200);
    expect(await status(`/api/${organisation}/shop/stock/item/v1`)).toBe(404);
    const whole = await api.call(key, { url: `/api/${organisation}/shop/stock/item/v1` });
    expect(whole.statusCode).toBe(200);
    const document = (await (await ask('/api/openapi.json')).json()) as { paths: object };
    const paths = Object.keys(document.paths).join(' ');
    expect(paths).toContain('/sales/line/');
    expect(paths).not.toContain('/stock/item/');
  });

  it('still holds references to the rules of what they lead to', async () => {
    const { organisation } = api.tenant;
    const items = `/api/${organisation}/shop/stock/item/v1`;
    const seen = await post(api, items, { title: 'seen', hidden: false });
    const lines = `/api/${organisation}/shop/sales/line/v1`;
    const created = await ask(lines, { note: 'to what I see', item: seen });
    expect(created.status).toBe(201);
    const { data } = (await created.json()) as { data: { id: string } };
    const included = await ask(`${lines}/${data.id}?include=item`);
    expect(await included.json()).toMatchObject({ data: { item: { title: 'seen' } } });

    // A row outside of the caller's filter answers as one that does not exist.
    const hidden = await post(api, items, { title: 'hidden', hidden: true }, adminKey);
    const refused = await ask(lines, { note: 'to what I do not see', item: hidden });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'REFERENCE_CONFLICT' });
  });
});

async function post(to: TestApi, url: string, payload: object, by = key): Promise<string> {
  const answer = await to.call(by, { method: 'POST', url, payload });
  expect(answer.statusCode, answer.body).toBe(201);
  return (answer.json() as { data: { id: string } }).data.id;
}

function ask(path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const init =
    body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
  return fetch(new URL(path, scoped.url), init);
}

async function status(path: string): Promise<number> {
  return (await ask(path)).status;
}
