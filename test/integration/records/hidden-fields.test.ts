import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import { routesOf } from '../../support/routes-of.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller, Send } from './call.ts';
import { callerOf, comparable } from './call.ts';

/**
 * Layer 5: a field that somebody may not read is to them as one that does not exist, whichever route
 * they name it at, however they name it.
 */

const collection = '/api/:org/:app/:domain/:object/:version';
const missing = 'nonsense';
const nobody = '01990000-0000-7000-8000-00000000dead';
/** What the schema has and the callers do not see; the system's own that no record shows, too. */
const hidden = [
  ...['margin', 'memo', 'buyer', 'extra', 'serial', 'pan', 'flags', 'until'],
  ...['deleted_at', 'archived_at', 'archive_ref'],
];

let api: TestApi;
let admin: Caller;
/** One by roles, one by the field limits of a key. */
let blind: [name: string, caller: Caller][];
let path: string;
let id: string;

beforeAll(async () => {
  api = await openTestApi();
  const access = { read: ['auditor'] };
  await api.provide(
    api.tenant.schema('deal', {
      fields: [
        { name: 'title', type: 'string', unique: true, filterable: true, sortable: true },
        { name: 'amount', type: 'integer', filterable: true, sortable: true },
        { name: 'region', type: 'string' },
        {
          ...{ name: 'margin', type: 'integer', filterable: true, sortable: true, unique: true },
          access,
        },
        { name: 'memo', type: 'string', default: 'none', filterable: true, maxLength: 9, access },
        { name: 'buyer', type: 'ref', ref: api.tenant.reference('deal'), filterable: true, access },
        { name: 'extra', type: 'json', filterable: true, access },
        { name: 'serial', type: 'string', immutable: true, access },
        { name: 'pan', type: 'string', mask: { strategy: 'hash' }, access },
        { name: 'flags', type: 'string[]', filterable: true, access },
        { name: 'until', type: 'date', default: '2030-01-01', sortable: true, access },
      ],
      spec: {
        access: {
          roles: [
            { role: 'clerk', operations: ['create', 'read', 'update', 'delete', 'history'] },
            { role: 'auditor', operations: ['*'] },
          ],
        },
        validations: [
          { type: 'cel', rule: '!has(self.amount) || self.memo != "none" || self.amount < 1000' },
        ],
        indexes: [{ fields: [{ name: 'region' }, { name: 'memo' }], unique: true }],
      },
    }),
  );
  admin = callerOf(api, api.adminKey);
  path = api.path('deal');
  const made = await admin('POST', path, { body: { title: 'a', margin: 7, memo: 'private' } });
  id = made.json().data.id;
  const fields = ['title', 'amount', 'region'];
  const limited = await api.keyFor('lena', ['auditor'], {
    scopes: [{ schema: 'deal', fields: { read: fields, write: fields } }],
  });
  blind = [
    ['by its roles', callerOf(api, await api.keyFor('carl', ['clerk']))],
    ['by its key', callerOf(api, limited)],
  ];
});

afterAll(() => api?.close());

type Ask = (send: Caller, field: string) => ReturnType<Caller>;

const query =
  (body: (field: string) => object): Ask =>
  (send, field) =>
    send('POST', `${path}/query`, { body: body(field) });
const patch = (body: unknown, headers: Send['headers'] = {}): Send => ({
  ...{ body, headers: { 'if-match': '"1"', ...headers } },
});
const jsonPatch = (...operations: object[]): Send =>
  patch(operations, { 'content-type': 'application/json-patch+json' });

const values: readonly unknown[] = [1, 'x', null, {}, [], true, '2026-01-01'];
const operators = ['eq', 'neq', 'gt', 'in', 'like', 'is_null', 'contains', 'overlaps', 'nothing'];

/** Every way to name a field, by the route that it is named at. */
const asks: Readonly<Record<string, readonly Ask[]>> = {
  [`GET ${collection}`]: [
    ...['filter[F]=1', 'sort=F', 'sort=-F,title', 'select=F', 'select=title,F', 'include=F'],
    ...['include=F.title', 'filter[F]=', 'F=1', 'filter[F][eq]=%00'],
    ...operators.map((op) => `filter[F][${op}]=1`),
  ].map(
    (search): Ask =>
      (send, field) =>
        send('GET', `${path}?${search.replaceAll('F', field)}`),
  ),
  [`POST ${collection}`]: [
    ...values.map(
      (value): Ask =>
        (send, field) =>
          send('POST', path, { body: { [field]: value } }),
    ),
    (send, field) => send('POST', `${path}?onConflict=${field}`, { body: { title: 'n' } }),
    (send, field) => send('POST', `${path}?onConflict=title`, { body: { title: 'n', [field]: 1 } }),
    (send, field) => send('POST', path, { body: { [field]: 1, title: 5, other: 1 } }),
  ],
  [`POST ${collection}/query`]: [
    ...operators.flatMap((op) =>
      values.map((value) => query((field) => ({ where: { field, op, value } }))),
    ),
    query((field) => ({ where: { not: { or: [{ and: [{ field, op: 'is_null' }] }] } } })),
    query((field) => ({ sort: [{ field, direction: 'asc' }] })),
    query((field) => ({ select: [field] })),
    query((field) => ({ include: [field, `${field}.title`] })),
    query((field) => ({ groupBy: [field], aggregate: [{ fn: 'count', as: 'n' }] })),
    query((field) => ({ groupBy: ['title'], aggregate: [{ fn: 'count', as: field }] })),
    query((field) => ({ aggregate: [{ fn: 'count', as: 'n' }], sort: [{ field }] })),
    ...['count', 'min', 'max', 'sum', 'avg'].map((fn) =>
      query((field) => ({ aggregate: [{ fn, field, as: 'n' }] })),
    ),
    query((field) => ({ [field]: 1 })),
  ],
  [`POST ${collection}/bulk`]: ['true', 'false'].flatMap((atomic) =>
    values.flatMap((value): Ask[] => [
      (send, field) =>
        send('POST', `${path}/bulk?atomic=${atomic}`, {
          body: [{ op: 'create', record: { [field]: value } }],
        }),
      (send, field) =>
        send('POST', `${path}/bulk?atomic=${atomic}`, {
          body: [
            { op: 'update', id: nobody, record: { title: 'a' } },
            { op: 'update', id, record: { [field]: value } },
          ],
        }),
    ]),
  ),
  [`GET ${collection}/:id`]: ['select=F', 'include=F', 'include=F.F', 'F=1', 'filter[F]=1'].map(
    (search): Ask =>
      (send, field) =>
        send('GET', `${path}/${id}?${search.replaceAll('F', field)}`),
  ),
  [`PATCH ${collection}/:id`]: [
    ...values.map(
      (value): Ask =>
        (send, field) =>
          send('PATCH', `${path}/${id}`, patch({ [field]: value })),
    ),
    ...['add', 'replace', 'remove', 'test'].flatMap((op): Ask[] => [
      (send, field) =>
        send('PATCH', `${path}/${id}`, jsonPatch({ op, path: `/${field}`, value: 'private' })),
      (send, field) =>
        send('PATCH', `${path}/${id}`, jsonPatch({ op, path: `/${field}/a`, value: 1 })),
    ]),
    ...['move', 'copy'].flatMap((op): Ask[] => [
      (send, field) =>
        send('PATCH', `${path}/${id}`, jsonPatch({ op, from: `/${field}`, path: '/title' })),
      (send, field) =>
        send('PATCH', `${path}/${id}`, jsonPatch({ op, from: '/title', path: `/${field}` })),
    ]),
  ],
  [`PUT ${collection}/:id`]: values.map(
    (value): Ask =>
      (send, field) =>
        send('PUT', `${path}/${id}`, { body: { title: 'a', version: 1, [field]: value } }),
  ),
  [`DELETE ${collection}/:id`]: [
    (send, field) => send('DELETE', `${path}/${id}?${field}=1`, { headers: { 'if-match': '"9"' } }),
  ],
  [`GET ${collection}/:id/history`]: [
    (send, field) => send('GET', `${path}/${id}/history?${field}=1`),
    (send, field) => send('GET', `${path}/${id}/history?select=${field}`),
  ],
};

describe('a hidden field', () => {
  it('is asked for at every route of records', async () => {
    const routes = (await routesOf(api.app))
      .filter(({ url }) => url.startsWith(collection))
      .map(({ method, url }) => `${method} ${url}`);
    expect(Object.keys(asks).sort()).toEqual(routes.sort());
  });

  it.each(Object.keys(asks))('is as one that does not exist at %s', async (route) => {
    for (const [name, send] of blind) {
      for (const [index, ask] of (asks[route] ?? []).entries()) {
        const tells = async (field: string): Promise<string> => {
          const answer = await ask(send, field);
          // What an alias is called is the caller's own affair.
          expect(answer.statusCode, answer.body).not.toBe(500);
          return JSON.stringify(comparable(answer)).replaceAll(field, 'FIELD');
        };
        const unknown = await tells(missing);
        for (const field of hidden) {
          expect(await tells(field), `${name}: ${route} ${index} ${field}`).toBe(unknown);
        }
      }
    }
    expect((await admin('GET', `${path}/${id}`)).json().data).toMatchObject({
      ...{ version: 1, margin: 7, memo: 'private' },
    });
  });

  it('is in no answer and no description', async () => {
    for (const [name, send] of blind) {
      for (const url of [
        ...[path, `${path}/${id}`, `${path}/${id}/history`, '/api'],
        ...[`${path}/${id}/history?revision=original`, '/api/openapi.json'],
      ]) {
        const { body, statusCode } = await send('GET', url);
        expect(statusCode, body).toBe(200);
        for (const field of hidden.slice(0, 8)) {
          expect(body, `${name}: ${field} at ${url}`).not.toContain(`"${field}"`);
        }
        expect(body).not.toContain('private');
      }
    }
  });

  it('is not named by the rule, the limit or the unique index that a write meets', async () => {
    for (const [name, send] of blind) {
      const rule = await send('POST', path, { body: { title: `${name} 1`, amount: 1000 } });
      expect(rule.json(), name).toMatchObject({
        ...{ status: 400, code: 'VALIDATION_ERROR' },
        details: {
          problems: [{ pointer: '', rule: 'schema', message: 'does not fit the schema' }],
        },
      });
      const first = await send('POST', path, { body: { title: `${name} 2`, region: name } });
      expect(first.statusCode, first.body).toBe(201);
      const taken = await send('POST', path, { body: { title: `${name} 3`, region: name } });
      expect(taken.json()).toMatchObject({ status: 409, code: 'UNIQUE_CONSTRAINT_VIOLATION' });
      for (const answer of [rule, taken]) {
        for (const field of hidden) expect(answer.body).not.toContain(field);
      }
    }
  });
});

describe('the field of another schema that refers here', () => {
  it('is not named by the delete that it forbids', async () => {
    const { tenant } = api;
    await api.provide(
      tenant.schema('invoice', {
        fields: [{ name: 'title', type: 'ref', ref: tenant.reference('deal') }],
        spec: { access: { roles: [{ role: 'auditor', operations: ['*'] }] } },
      }),
      manifest('RoleBinding', 'bea', tenant.namespace, { actorId: 'bea', roles: ['clerk'] }),
    );
    const made = await admin('POST', path, { body: { title: 'billed', memo: 'billed' } });
    const deal = made.json().data.id;
    const billed = await admin('POST', api.path('invoice'), { body: { title: deal } });
    expect(billed.statusCode, billed.body).toBe(201);
    const clerk = callerOf(api, await api.keyFor('bea', []));
    const refused = await clerk('DELETE', `${path}/${deal}`);
    expect(refused.json()).toMatchObject({ status: 409, code: 'REFERENCE_CONFLICT' });
    expect(refused.json()).toMatchObject({
      detail: 'Other records refer to this one.',
      details: {},
    });
  });
});
