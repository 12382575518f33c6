import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinds } from '../../src/contract/kinds.ts';
import type { TestTenant } from '../support/manifests.ts';
import { manifest, testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import type { Route } from '../support/routes-of.ts';
import { routesOf } from '../support/routes-of.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

/**
 * Organisations are hard tenants: every route is asked about another organisation's things and about
 * things that are nowhere, by everybody from clerk to administrator, and must answer both alike.
 */

/** What a request may name of somebody: a rival's, or nobody's. */
interface Names {
  readonly organisation: string;
  readonly namespace: string;
  readonly id: string;
  readonly code: string;
}

let api: TestApi;
let rival: TestTenant;
let theirs: Names;
let nobodys: Names;
let callers: [name: string, caller: Caller][];
let routes: readonly Route[];

function schemas(tenant: TestTenant): object[] {
  const access = {
    roles: [{ role: 'clerk', operations: ['create', 'read', 'update', 'delete', 'history'] }],
  };
  return [
    tenant.schema('supplier', {
      fields: [{ name: 'code', type: 'string', unique: true, filterable: true }],
      spec: { access },
    }),
    tenant.schema('order', {
      fields: [
        { name: 'supplier', type: 'ref', ref: tenant.reference('supplier') },
        { name: 'by_code', type: 'ref', ref: tenant.reference('supplier', { key: 'code' }) },
      ],
      spec: { access },
    }),
  ];
}

beforeAll(async () => {
  api = await openTestApi();
  rival = testTenant(uniqueName('rival'));
  const { organisation, namespace } = api.tenant;
  await api.provide(
    ...rival.base,
    ...schemas(rival),
    ...schemas(api.tenant),
    manifest('Organisation', organisation, organisation, {
      displayName: 'Acme',
      adminRoles: ['owner'],
    }),
    manifest('RoleBinding', 'rita', rival.namespace, { actorId: 'rita', roles: ['clerk'] }),
    manifest('ApiKey', 'theirs', rival.namespace, { actor: 'rita', actorType: 'user' }),
  );
  const admin = callerOf(api, api.adminKey);
  const url = api.path('supplier').replace(organisation, rival.organisation);
  const made = await admin('POST', url, { body: { code: 'code-theirs' } });
  expect(made.statusCode, made.body).toBe(201);
  theirs = { ...rival, id: made.json().data.id, code: 'code-theirs' };
  nobodys = {
    organisation: 'ghost',
    namespace: 'ghost-shop-sales',
    id: '01990000-0000-7000-8000-00000000dead',
    code: 'code-nobodys',
  };
  const holding = async (actor: string, role: string): Promise<[string, Caller]> => [
    role,
    callerOf(api, await api.keyFor(actor, [role], { namespace, organisation })),
  ];
  callers = [
    await holding('carl', 'clerk'),
    await holding('dora', 'sales-admin'),
    await holding('olga', 'owner'),
  ];
  routes = await routesOf(api.app);
});

afterAll(() => api?.close());

/** The answer without what differs by request and by the names that were asked for. */
function tells(answer: LightMyRequestResponse, names: Names): string {
  const body = answer.body
    .replace(/"(requestId|instance)":"[^"]*"/g, '"$1":""')
    // OpenAPI documents and lists of one's own carry times; nothing that is compared here does.
    .replaceAll(names.namespace, 'NAMESPACE')
    .replaceAll(names.organisation, 'ORGANISATION')
    .replaceAll(names.id, 'ID')
    .replaceAll(names.code, 'CODE');
  return `${answer.statusCode} ${body}`;
}

/** Every address of a route that names somebody: each parameter with each thing it may stand for. */
function addresses(route: Route, names: Names): string[] {
  const choices: Readonly<Record<string, readonly string[]>> = {
    org: [names.organisation],
    app: ['shop'],
    domain: ['sales'],
    object: ['supplier', 'order'],
    version: ['v1'],
    id: [names.id],
    kind: kinds.map(({ kind }) => kind),
    namespace: [names.namespace, names.organisation],
    name: ['supplier', 'sales', 'shop', 'keys', 'rita', 'theirs', names.organisation],
    key: ['secret'],
  };
  let urls = [''];
  for (const part of route.url.split('/').slice(1)) {
    const values = part.startsWith(':') ? (choices[part.slice(1)] ?? [names.organisation]) : [part];
    urls = urls.flatMap((url) => values.map((value) => `${url}/${value}`));
  }
  if (route.method !== 'GET' || !route.url.endsWith('/:kind')) return urls;
  return urls.flatMap((url) => [url, `${url}?namespace=${names.namespace}`]);
}

/** Bodies that a route takes, with names in them where it takes names. */
function bodies({ method, url }: Route, names: Names): unknown[] {
  if (method === 'GET' || method === 'DELETE') return [undefined];
  const { tenant } = api;
  if (url === '/api/platform/objects') {
    const other = { ...tenant.reference('supplier'), org: names.organisation };
    const strategyRef = { name: 'keys', namespace: names.namespace };
    const spec = { actorId: 'eve', roles: ['clerk'] };
    const composite = { type: 'composite', config: { children: [strategyRef] } };
    const fields = [{ name: 'title', type: 'string' }];
    return [
      manifest('RoleBinding', 'eve', names.namespace, spec),
      manifest('Application', 'eve', names.organisation, {
        ...{ org: names.organisation, displayName: 'Eve' },
      }),
      manifest('Domain', 'eve', `${names.organisation}-shop-eve`, {
        ...{ app: 'shop', displayName: 'Eve', access: { defaultRole: 'a', adminRole: 'b' } },
      }),
      tenant.schema('eve', { fields: [{ name: 'supplier', type: 'ref', ref: other }] }),
      tenant.schema('eve', { fields, spec: { auth: { strategyRef } } }),
      manifest('AuthStrategy', 'eve', tenant.namespace, composite),
    ].map((one) => ({ items: [one] }));
  }
  if (url === '/api/platform/api-keys') return [{ name: 'theirs', namespace: names.namespace }];
  if (url.startsWith('/api/platform/schema-plans')) return [{ plan: '0'.repeat(64) }];
  if (url.startsWith('/api/platform/secrets')) return [{ value: 'v' }];
  if (url.endsWith('/promote')) return [{ to: 'v2' }];
  if (url.endsWith('/bulk')) {
    return [[{ op: 'update', id: names.id, record: { code: names.code } }]];
  }
  if (url.startsWith('/api/:org')) return [{ code: names.code }, { version: 1 }, {}];
  return [{}];
}

describe('another organisation', () => {
  it('has routes to be asked for by', () => {
    const found = routes.map(({ method, url }) => `${method} ${url}`);
    for (const route of [
      'GET /api',
      'GET /api/:org/:app/:domain/:object/:version/:id/history',
      'POST /api/:org/:app/:domain/:object/:version/bulk',
      'PUT /api/platform/objects/:kind/:namespace/:name',
      'POST /api/platform/schemas/:namespace/:name/reconcile',
    ]) {
      expect(found).toContain(route);
    }
  });

  it('is answered by every route as nobody is', async () => {
    const asked = new Set<string>();
    // Figures of the whole platform, for who runs it: served to this machine or on a port of its own.
    const walked = routes.filter(({ url }) => url !== '/metrics');
    for (const route of walked) {
      const [theirUrls, noUrls] = [addresses(route, theirs), addresses(route, nobodys)];
      const [theirBodies, noBodies] = [bodies(route, theirs), bodies(route, nobodys)];
      for (const [u, url] of theirUrls.entries()) {
        for (const [b, body] of theirBodies.entries()) {
          for (const [name, caller] of callers) {
            const send = (one: unknown) => (one === undefined ? {} : { body: one });
            const one = await caller(route.method, url, send(body));
            const other = await caller(route.method, noUrls[u]!, send(noBodies[b]));
            const what = `${name}: ${route.method} ${url} ${JSON.stringify(body)}`;
            expect(other.body, what).not.toContain(theirs.organisation);
            expect(other.body, what).not.toContain(theirs.code);
            // Where nothing could be named the same was asked twice, and figures may have moved.
            if (url !== noUrls[u] || JSON.stringify(body) !== JSON.stringify(noBodies[b])) {
              expect(tells(one, theirs), what).toBe(tells(other, nobodys));
            }
            asked.add(`${route.method} ${route.url}`);
          }
        }
      }
    }
    expect(asked.size).toBe(walked.length);
  }, 240_000);

  it('is in no reference, include or error of one’s own records', async () => {
    const [, clerk] = callers[0]!;
    const path = api.path('order');
    const own = (await clerk('POST', path, { body: {} })).json().data;
    for (const [field, of] of [
      ['supplier', 'id'],
      ['by_code', 'code'],
    ] as const) {
      const attempts: ((value: string) => ReturnType<Caller>)[] = [
        (value) => clerk('POST', path, { body: { [field]: value } }),
        (value) => clerk('PATCH', `${path}/${own.id}`, { body: { [field]: value, version: 1 } }),
        (value) => clerk('PUT', `${path}/${own.id}`, { body: { [field]: value, version: 1 } }),
        (value) =>
          clerk('POST', `${path}/bulk?atomic=false`, {
            body: [{ op: 'create', record: { [field]: value } }],
          }),
      ];
      for (const attempt of attempts) {
        const one = tells(await attempt(theirs[of]), theirs);
        expect(one).toBe(tells(await attempt(nobodys[of]), nobodys));
        expect(one).toContain('REFERENCE_CONFLICT');
      }
    }
    // Unique values are each organisation's own.
    const taken = await clerk('POST', api.path('supplier'), { body: { code: theirs.code } });
    expect(taken.statusCode, taken.body).toBe(201);
  });

  it('with a name that begins like one’s own is not named in a hint', async () => {
    const labs = testTenant(`${api.tenant.organisation}-labs`);
    await api.provide(...labs.base);
    const [, owner] = callers[2]!;
    const { organisation } = api.tenant;
    const misplaced = manifest('RoleBinding', 'eve', organisation, {
      ...{ actorId: 'eve', roles: ['clerk'] },
    });
    const answer = await owner('POST', '/api/platform/objects', { body: { items: [misplaced] } });
    expect(answer.body).toContain(api.tenant.namespace);
    expect(answer.body).not.toContain(labs.organisation);
    const lists = await Promise.all(
      kinds.map(({ kind }) => owner('GET', `/api/platform/objects/${kind}`)),
    );
    for (const list of lists) expect(list.body).not.toContain(labs.organisation);
  });
});
