import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf, comparable } from './call.ts';

/** Layer 3: a reference into a schema of one's own organisation that one may not read tells nothing. */

const nobody = '01990000-0000-7000-8000-00000000dead';

let api: TestApi;
let admin: Caller;
let clerk: Caller;
let orders: string;
let vault: { id: string; code: string };

beforeAll(async () => {
  api = await openTestApi();
  const { tenant } = api;
  const open = [{ role: 'clerk', operations: ['create', 'read', 'update'] }];
  await api.provide(
    tenant.schema('vault', {
      fields: [{ name: 'code', type: 'string', unique: true, filterable: true }],
      spec: { access: { roles: [{ role: 'keeper', operations: ['*'] }] } },
    }),
    tenant.schema('ledger', {
      fields: [
        { name: 'code', type: 'string', unique: true, access: { read: ['keeper'] } },
        { name: 'name', type: 'string' },
      ],
      spec: { access: { roles: open } },
    }),
    tenant.schema('order', {
      fields: [
        { name: 'title', type: 'string', unique: true },
        { name: 'vault', type: 'ref', ref: tenant.reference('vault') },
        { name: 'vault_code', type: 'ref', ref: tenant.reference('vault', { key: 'code' }) },
        { name: 'ledger', type: 'ref', ref: tenant.reference('ledger') },
        { name: 'ledger_code', type: 'ref', ref: tenant.reference('ledger', { key: 'code' }) },
      ],
      spec: { access: { roles: open } },
    }),
    // Creates, but reads nothing: also of its own schema.
    tenant.schema('note', {
      fields: [{ name: 'before', type: 'ref', ref: tenant.reference('note') }],
      spec: { access: { roles: [{ role: 'clerk', operations: ['create'] }] } },
    }),
    manifest('RoleBinding', 'carl', tenant.namespace, { actorId: 'carl', roles: ['clerk'] }),
  );
  admin = callerOf(api, api.adminKey);
  clerk = callerOf(api, await api.keyFor('carl', []));
  orders = api.path('order');
  vault = (await admin('POST', api.path('vault'), { body: { code: 'real' } })).json().data;
  await admin('POST', api.path('ledger'), { body: { code: 'real' } });
});

afterAll(() => api?.close());

async function tells(request: ReturnType<Caller>, name: string): Promise<string> {
  return JSON.stringify(comparable(await request)).replaceAll(name, 'NAME');
}

describe('a reference into what one may not read', () => {
  it.each([
    ['vault', (): string => vault.id, nobody],
    ['vault_code', (): string => 'real', 'none'],
    ['ledger_code', (): string => 'real', 'none'],
  ] as const)('leads nowhere, whether it is there or not: %s', async (field, there, nowhere) => {
    const own: { id: string } = (await clerk('POST', orders, { body: {} })).json().data;
    const bulk = (row: object, atomic: boolean): ReturnType<Caller> =>
      clerk('POST', `${orders}/bulk?atomic=${atomic}`, { body: [row] });
    const attempts: ((to: string) => ReturnType<Caller>)[] = [
      (to) => clerk('POST', orders, { body: { [field]: to } }),
      (to) => clerk('POST', `${orders}?onConflict=title`, { body: { title: 't', [field]: to } }),
      (to) => clerk('PATCH', `${orders}/${own.id}`, { body: { [field]: to, version: 1 } }),
      (to) => clerk('PUT', `${orders}/${own.id}`, { body: { [field]: to, version: 1 } }),
      (to) => bulk({ op: 'create', record: { [field]: to } }, true),
      (to) => bulk({ op: 'create', record: { [field]: to } }, false),
      (to) => bulk({ op: 'update', id: own.id, record: { [field]: to } }, true),
      (to) => bulk({ op: 'update', id: own.id, record: { [field]: to } }, false),
    ];
    for (const [index, attempt] of attempts.entries()) {
      const one = await tells(attempt(there()), there());
      expect(one, `${index}`).toBe(await tells(attempt(nowhere), nowhere));
      expect(one).toContain('REFERENCE_CONFLICT');
    }
  });

  it('may stay where somebody else has made it', async () => {
    const made = await admin('POST', orders, { body: { title: 'kept', vault: vault.id } });
    const url = `${orders}/${made.json().data.id}`;
    const put = await clerk('PUT', url, { body: { title: 'kept 2', vault: vault.id, version: 1 } });
    expect(put.json().data).toMatchObject({ title: 'kept 2', vault: vault.id });
    const cleared = await clerk('PATCH', url, { body: { vault: null, version: 2 } });
    expect(cleared.json().data).toMatchObject({ vault: null });
  });

  it('is refused in one’s own schema as well', async () => {
    const made = await clerk('POST', api.path('note'), { body: {} });
    expect(made.statusCode, made.body).toBe(201);
    const { id } = made.json().data;
    const linked = (before: string) => clerk('POST', api.path('note'), { body: { before } });
    expect(await tells(linked(id), id)).toBe(await tells(linked(nobody), nobody));
  });

  it('cannot be included, and says no more than of a schema that is gone', async () => {
    for (const ask of [
      () => clerk('GET', `${orders}?include=vault`),
      () => clerk('POST', `${orders}/query`, { body: { include: ['vault'] } }),
    ]) {
      expect((await ask()).json()).toMatchObject({
        ...{ status: 403, code: 'CROSS_SCHEMA_ACCESS_DENIED' },
      });
    }
  });

  it('works where one may read, and shows what one may see of it', async () => {
    const target = await clerk('POST', api.path('ledger'), { body: { name: 'mine' } });
    const { id } = target.json().data;
    const made = await clerk('POST', orders, { body: { ledger: id } });
    expect(made.statusCode, made.body).toBe(201);
    const seen = await clerk('GET', `${orders}/${made.json().data.id}?include=ledger`);
    expect(seen.json().data.ledger).toMatchObject({ id, name: 'mine' });
    expect(seen.json().data.ledger).not.toHaveProperty('code');
  });
});
