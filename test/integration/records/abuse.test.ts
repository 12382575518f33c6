import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../../src/api/app.ts';
import type { TestTenant } from '../../support/manifests.ts';
import { manifest, testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller, Send } from './call.ts';
import { callerOf, comparable } from './call.ts';

/** Abuse cases 1, 2, 8, 9, 10 and 11; a refusal tells as much as one of something that is not there. */

const nobody = '01990000-0000-7000-8000-00000000dead';

let api: TestApi;
let rival: TestTenant;
/** Holds `clerk`, in the region north. */
let clerk: Caller;
let admin: Caller;
let path: string;
let northern: { id: string; code: string };
let southern: { id: string; code: string };
let theirs: { id: string; code: string };

function schemas(tenant: TestTenant): object[] {
  const roles = [{ role: 'clerk', operations: ['create', 'read', 'update', 'delete'] }];
  const region = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
  return [
    tenant.schema('supplier', {
      fields: [
        { name: 'code', type: 'string', unique: true, filterable: true },
        { name: 'region', type: 'string' },
      ],
      spec: { access: { roles, rowFilter: [{ role: 'clerk', filter: region }] } },
    }),
    tenant.schema('order', {
      fields: [
        { name: 'code', type: 'string', unique: true, filterable: true, sortable: true },
        { name: 'supplier', type: 'ref', ref: tenant.reference('supplier') },
        { name: 'supplier_code', type: 'ref', ref: tenant.reference('supplier', { key: 'code' }) },
        {
          name: 'margin',
          type: 'integer',
          filterable: true,
          sortable: true,
          unique: true,
          access: { read: ['auditor'] },
        },
        {
          name: 'secret_supplier',
          type: 'ref',
          ref: tenant.reference('supplier'),
          access: { read: ['auditor'] },
        },
        { name: 'approved', type: 'boolean', access: { write: ['auditor'] } },
      ],
      spec: { access: { roles } },
    }),
  ];
}

beforeAll(async () => {
  api = await openTestApi();
  rival = testTenant(uniqueName('rival'));
  await api.provide(...rival.base, ...schemas(rival), ...schemas(api.tenant));
  const clerkOf = async (tenant: TestTenant): Promise<Caller> => {
    const { namespace, organisation } = tenant;
    const scopes = ['supplier', 'order'].map((schema) => ({
      schema,
      attributes: { region: ['north'] },
    }));
    const spec = { actorId: 'carl', roles: ['clerk'], scopes };
    await api.provide(manifest('RoleBinding', 'carl', namespace, spec));
    return callerOf(api, await api.keyFor('carl', [], { namespace, organisation }));
  };
  clerk = await clerkOf(api.tenant);
  admin = callerOf(api, api.adminKey);
  path = api.path('order');
  const supplier = async (url: string, code: string, region: string) => {
    const answer = await admin('POST', url, { body: { code, region } });
    expect(answer.statusCode, answer.body).toBe(201);
    return answer.json().data;
  };
  northern = await supplier(api.path('supplier'), 'code-north', 'north');
  southern = await supplier(api.path('supplier'), 'code-south', 'south');
  theirs = await supplier(
    api.path('supplier').replace(api.tenant.organisation, rival.organisation),
    'code-theirs',
    'north',
  );
});

afterAll(() => api?.close());

/** What an answer tells, whoever it is about: names of the one and the other replaced. */
async function tells(request: ReturnType<Caller>, name: string): Promise<string> {
  return JSON.stringify(comparable(await request)).replaceAll(name, 'NAME');
}

describe('1: another tenant’s', () => {
  it('record is as missing as any', async () => {
    for (const [method, send] of [
      ['GET', {}],
      ['PATCH', { body: { region: 'north', version: 1 } }],
      ['PUT', { body: { region: 'north', version: 1 } }],
      ['DELETE', {}],
    ] as const) {
      const at = (id: string) => clerk(method, `${api.path('supplier')}/${id}`, send);
      const [one, other] = [await tells(at(theirs.id), theirs.id), await tells(at(nobody), nobody)];
      expect(one, method).toBe(other);
      expect((await at(theirs.id)).statusCode, method).toBeGreaterThanOrEqual(404);
    }
    const row = (id: string) => ({ op: 'update', id, record: { region: 'north' } });
    const bulk = (id: string) => clerk('POST', `${api.path('supplier')}/bulk`, { body: [row(id)] });
    expect(await tells(bulk(theirs.id), theirs.id)).toBe(await tells(bulk(nobody), nobody));
  });

  it('schema is as missing as any, whatever is sent there', async () => {
    const requests: [
      method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
      tail: string,
      send: Send,
    ][] = [
      ['GET', '', {}],
      ['GET', '?filter[code]=x', {}],
      ['GET', '?filter[nothing]=x', {}],
      ['GET', '?limit=0', {}],
      ['GET', `/${theirs.id}`, {}],
      ['POST', '', { body: { code: 'y' } }],
      ['POST', '', {}],
      ['POST', '', { body: {}, headers: { 'idempotency-key': 'two words' } }],
      ['POST', '/query', { body: { nonsense: 1 } }],
      ['POST', '/bulk', { body: 'null' }],
      ['PATCH', `/${theirs.id}`, { body: { version: 1 } }],
      ['PATCH', `/${theirs.id}`, { body: {}, headers: { 'if-match': 'x' } }],
      ['PUT', `/${theirs.id}`, { body: {} }],
      ['DELETE', `/${theirs.id}`, {}],
    ];
    for (const [method, tail, send] of requests) {
      const at = (organisation: string) =>
        clerk(method, `/api/${organisation}/shop/sales/supplier/v1${tail}`, send);
      const one = await tells(at(rival.organisation), rival.organisation);
      expect(one, `${method} ${tail}`).toBe(await tells(at('nobody'), 'nobody'));
      // What no schema could mend is refused for what it is, as for a schema that is not there.
      if (!/limit=0|nothing/.test(tail)) expect(one).toContain('SCHEMA_NOT_FOUND');
    }
  });
});

describe('2: a reference to', () => {
  const targets: [name: string, id: () => string, code: () => string][] = [
    ['another tenant’s row', () => theirs.id, () => theirs.code],
    ['a row outside of one’s row filter', () => southern.id, () => southern.code],
  ];

  it.each(targets)('%s is answered as one to nothing', async (_name, id, code) => {
    const made = await clerk('POST', path, { body: {} });
    const url = `${path}/${made.json().data.id}`;
    for (const [field, hidden, missing] of [
      ['supplier', id(), nobody],
      ['supplier_code', code(), 'code-none'],
    ] as const) {
      const attempts: ((to: string) => ReturnType<Caller>)[] = [
        (to) => clerk('POST', path, { body: { [field]: to } }),
        (to) => clerk('POST', `${path}?onConflict=code`, { body: { code: 'u', [field]: to } }),
        (to) => clerk('PATCH', url, { body: { [field]: to, version: 1 } }),
        (to) => clerk('PUT', url, { body: { [field]: to, version: 1 } }),
        (to) =>
          clerk('POST', `${path}/bulk`, { body: [{ op: 'create', record: { [field]: to } }] }),
        (to) =>
          clerk('POST', `${path}/bulk?atomic=false`, {
            body: [{ op: 'create', record: { [field]: to } }],
          }),
      ];
      for (const [index, attempt] of attempts.entries()) {
        const one = await tells(attempt(hidden), hidden);
        expect(one, `${field} ${index}`).toBe(await tells(attempt(missing), missing));
        expect(one).toContain('REFERENCE_CONFLICT');
      }
    }
    expect(
      (await clerk('PATCH', url, { body: { supplier: northern.id, version: 1 } })).statusCode,
    ).toBe(200);
  });

  it('a hidden row shows nothing of it in an include', async () => {
    const made = await admin('POST', path, { body: { supplier: southern.id } });
    const url = `${path}/${made.json().data.id}?include=supplier`;
    const seen = await clerk('GET', url);
    expect(seen.statusCode, seen.body).toBe(200);
    expect(seen.json().data.supplier).toBeNull();
  });
});

describe('8: an API key', () => {
  it('with a bad checksum is refused before anything is looked up', async () => {
    let lookUps = 0;
    const snapshot = () => {
      const real = api.deps.registry.snapshot();
      const get = (hash: string) => {
        lookUps++;
        return real.keys.get(hash);
      };
      return { ...real, keys: Object.assign(Object.create(real.keys), { get }) };
    };
    const app = buildApp({ ...api.deps, registry: { ...api.deps.registry, snapshot } });
    const ask = async (key: string): Promise<number> =>
      (await app.inject({ url: path, headers: { authorization: `Bearer ${key}` } })).statusCode;
    const key = await api.keyFor('carl', []);
    const other = await api.keyFor('dora', []);
    const flipped = `${key.slice(0, 20)}${key[20] === 'A' ? 'B' : 'A'}${key.slice(21)}`;
    for (const bad of [
      flipped,
      key.slice(0, -1),
      `${key}A`,
      key.replace('vel_test_', 'vel_prod_'),
      key.slice(0, -6) + other.slice(-6),
      'vel_test_',
      "' or 1=1 --",
    ]) {
      expect(await ask(bad), bad).toBe(401);
    }
    expect(lookUps).toBe(0);
    await ask(key);
    expect(lookUps).toBe(1);
    await app.close();
  });
});

describe('9: a write of', () => {
  const ways: [name: string, write: (field: string) => ReturnType<Caller>][] = [
    ['a create', (field) => clerk('POST', path, { body: { [field]: 1 } })],
    [
      'an upsert',
      (field) => clerk('POST', `${path}?onConflict=code`, { body: { code: 'c', [field]: 1 } }),
    ],
    [
      'a patch',
      (field) =>
        clerk('PATCH', `${path}/${nobody}`, {
          headers: { 'if-match': '"1"' },
          body: { [field]: 1 },
        }),
    ],
    ['a put', (field) => clerk('PUT', `${path}/${nobody}`, { body: { [field]: 1 } })],
    [
      'a bulk',
      (field) =>
        clerk('POST', `${path}/bulk`, { body: [{ op: 'create', record: { [field]: 1 } }] }),
    ],
    [
      'a bulk update',
      (field) =>
        clerk('POST', `${path}/bulk`, {
          body: [{ op: 'update', id: nobody, record: { [field]: 1 } }],
        }),
    ],
  ];

  it.each(ways)(
    'a hidden, system or tenant field is of an unknown one: %s',
    async (_name, write) => {
      const unknown = await tells(write('nonsense'), 'nonsense');
      expect(unknown).toContain('UNKNOWN_FIELD');
      for (const field of [
        ...['margin', 'secret_supplier', 'created_at', 'created_by', 'updated_at', 'updated_by'],
        ...['deleted_at', 'archived_at', 'archive_ref', 'organisation', 'tenant_id', 'pg_role'],
      ]) {
        expect(await tells(write(field), field)).toBe(unknown);
      }
    },
  );

  it.each(ways)('a field that one may only read is 403: %s', async (_name, write) => {
    const answer = await write('approved');
    expect(answer.json()).toMatchObject({ status: 403, code: 'FIELD_ACCESS_DENIED' });
  });

  it('the same by JSON Patch', async () => {
    const made = (await clerk('POST', path, { body: {} })).json().data;
    const patch = (op: object) =>
      clerk('PATCH', `${path}/${made.id}`, {
        headers: { 'content-type': 'application/json-patch+json', 'if-match': '"1"' },
        body: [op],
      });
    for (const op of ['add', 'replace', 'test', 'remove']) {
      const told = (field: string) => tells(patch({ op, path: `/${field}`, value: null }), field);
      const unknown = await told('nonsense');
      for (const field of [
        'margin',
        'secret_supplier',
        'created_by',
        'archive_ref',
        'organisation',
      ]) {
        expect(await told(field), `${op} ${field}`).toBe(unknown);
      }
      expect(unknown).toMatch(/"status":(400|409)/);
    }
    const readOnly = await patch({ op: 'replace', path: '/approved', value: true });
    expect(readOnly.json()).toMatchObject({ status: 403, code: 'FIELD_ACCESS_DENIED' });
  });
});

describe('10: a hidden field is no oracle', () => {
  const uses: [name: string, ask: (field: string) => ReturnType<Caller>][] = [
    ['filter', (field) => clerk('GET', `${path}?filter[${field}]=1`)],
    ['filter with an operator', (field) => clerk('GET', `${path}?filter[${field}][gt]=1`)],
    ['sort', (field) => clerk('GET', `${path}?sort=-${field}`)],
    ['select', (field) => clerk('GET', `${path}?select=${field}`)],
    ['select of one', (field) => clerk('GET', `${path}/${nobody}?select=${field}`)],
    ['onConflict', (field) => clerk('POST', `${path}?onConflict=${field}`, { body: {} })],
    [
      'where',
      (field) => clerk('POST', `${path}/query`, { body: { where: { field, op: 'eq', value: 1 } } }),
    ],
    [
      'nested where',
      (field) =>
        clerk('POST', `${path}/query`, {
          body: { where: { not: { or: [{ field, op: 'is_null' }] } } },
        }),
    ],
    [
      'sort of a query',
      (field) => clerk('POST', `${path}/query`, { body: { sort: [{ field, direction: 'asc' }] } }),
    ],
    [
      'groupBy',
      (field) =>
        clerk('POST', `${path}/query`, {
          body: { groupBy: [field], aggregate: [{ fn: 'count', as: 'n' }] },
        }),
    ],
    [
      'aggregate',
      (field) =>
        clerk('POST', `${path}/query`, { body: { aggregate: [{ fn: 'max', field, as: 'n' }] } }),
    ],
  ];

  it.each(uses)('in %s', async (_name, ask) => {
    const unknown = await tells(ask('nonsense'), 'nonsense');
    expect(unknown).toContain('"status":400');
    expect(await tells(ask('margin'), 'margin')).toBe(unknown);
  });

  it('in include', async () => {
    const ask = (field: string) => clerk('GET', `${path}?include=${field}`);
    const unknown = await tells(ask('nonsense'), 'nonsense');
    expect(await tells(ask('secret_supplier'), 'secret_supplier')).toBe(unknown);
  });

  it('in a conflict over its unique values', async () => {
    await admin('POST', path, { body: { margin: 5 } });
    const again = await admin('POST', path, { body: { margin: 5 } });
    expect(again.json()).toMatchObject({ status: 409, details: { fields: ['margin'] } });
    const list = await clerk('GET', path);
    expect(list.body).not.toContain('margin');
  });
});

describe('11: granting oneself', () => {
  it.each([
    ['a role, as a clerk', 'carl', 'clerk', 'sales-admin'],
    ['platform-admin, as a clerk', 'carl', 'clerk', 'platform-admin'],
    ['a role, as the domain’s admin', 'ada', 'sales-admin', 'auditor'],
    ['platform-admin, as the domain’s admin', 'ada', 'sales-admin', 'platform-admin'],
  ])('%s is refused', async (_name, actor, role, wanted) => {
    const caller = callerOf(api, await api.keyFor(actor, [role]));
    const { namespace } = api.tenant;
    for (const name of ['fresh', actor]) {
      const binding = manifest('RoleBinding', name, namespace, { actorId: actor, roles: [wanted] });
      const answer = await caller('PUT', '/api/platform/objects/RoleBinding', { body: binding });
      const named = await caller('PUT', `/api/platform/objects/RoleBinding/${namespace}/${name}`, {
        body: binding,
      });
      expect(
        [answer.statusCode, named.statusCode].every((status) => status === 403 || status === 405),
        answer.body + named.body,
      ).toBe(true);
      expect([answer.statusCode, named.statusCode]).toContain(403);
    }
  });
});
