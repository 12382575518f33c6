import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/api/app.ts';
import { openRegistry } from '../../src/resources/registry/registry.ts';
import { manifest } from '../support/manifests.ts';
import { runVelocity } from '../unit/cli/run-velocity.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let namespace: string;
let url: string;
/** Administers the domain. */
let dora: string;
/** Administers the organisation. */
let olga: string;
const objects = '/api/platform/objects';

beforeAll(async () => {
  api = await openTestApi();
  namespace = api.tenant.namespace;
  const { organisation } = api.tenant;
  const roles = [
    { role: 'writer', operations: ['create', 'read', 'update'] },
    { role: 'reader', operations: ['read'] },
  ];
  await api.provide(
    manifest('Organisation', organisation, organisation, {
      ...{ displayName: 'Acme', adminRoles: ['org-admin'] },
    }),
    api.tenant.schema('note', { spec: { access: { roles } } }),
    api.tenant.schema('order', { spec: { access: { roles } } }),
  );
  dora = await api.keyFor('dora', ['sales-admin']);
  olga = await api.keyFor('olga', ['org-admin']);
  url = await api.app.listen({ port: 0 });
});

afterAll(() => api?.close());

const bindingPath = (name: string) => `${objects}/rolebinding/${namespace}/${name}`;
const put = (key: string, name: string, spec: object) =>
  api.call(key, { method: 'PUT', url: bindingPath(name), payload: { spec } });
const velocity = (key: string, ...argv: string[]) =>
  runVelocity([...argv, '--url', url, '--api-key', key]);

describe('a binding that expires', () => {
  it('ends at its very instant in every replica, and nobody has to act', async () => {
    const endsAt = Date.now() + 3_600_000;
    const expiresAt = new Date(endsAt).toISOString();
    await api.provide(
      manifest('RoleBinding', 'brief', namespace, {
        actorId: 'brief',
        roles: ['writer'],
        expiresAt,
      }),
      manifest('RoleBinding', 'lasting', namespace, { actorId: 'brief', roles: [`other`] }),
    );
    const key = await api.keyFor('brief', []);
    let nowMs = 0;
    const now = () => nowMs;
    const registry = await openRegistry({
      ...{ pool: api.deps.pool, connectionString: api.database.apiUrl, now: Date.now },
      observe: () => undefined,
    });
    const records = { ...api.deps.records, now };
    const replicas = [
      buildApp({ ...api.deps, now, records }),
      buildApp({ ...api.deps, now, records, registry }),
    ];
    const headers = { authorization: `Bearer ${key}` };
    const create = async () => {
      const answers = await Promise.all(
        replicas.map((app) =>
          app.inject({ method: 'POST', url: api.path('note'), headers, payload: { title: 'x' } }),
        ),
      );
      return answers.map(({ statusCode }) => statusCode);
    };
    const held = async () =>
      (await replicas[0]!.inject({ url: '/auth/me', headers })).json().data.bindings;
    nowMs = endsAt - 1;
    expect(await create()).toEqual([201, 201]);
    expect(await held()).toMatchObject([{ roles: ['writer', 'reader'], expiresAt }, {}]);
    nowMs = endsAt;
    expect(await create()).toEqual([403, 403]);
    expect(await held()).toEqual([{ namespace, roles: ['other', 'reader'] }]);
    await registry.close();
  });

  it('narrows to schemas, versions and operations for as long as it stands', async () => {
    const scopes = [{ schema: 'note', version: 'v1', operations: ['read'] }];
    const spec = { actorId: 'narrow', roles: ['writer'], scopes };
    await api.provide(manifest('RoleBinding', 'narrow', namespace, spec));
    const key = await api.keyFor('narrow', []);
    const status = async (object: string, method: 'GET' | 'POST') =>
      (
        await api.call(key, {
          ...{ method, url: api.path(object) },
          ...(method === 'POST' && { payload: { title: 'x' } }),
        })
      ).statusCode;
    expect(await status('note', 'GET')).toBe(200);
    expect(await status('note', 'POST')).toBe(403);
    expect(await status('order', 'GET')).toBe(403);
    const next = { ...spec, scopes: [{ schema: 'note', version: 'v2' }] };
    await api.provide(manifest('RoleBinding', 'narrow', namespace, next));
    expect(await status('note', 'GET')).toBe(403);
  });
});

describe('grantedBy', () => {
  const grantor = async (name: string) =>
    (await api.call(olga, { url: bindingPath(name) })).json().data.spec.grantedBy;

  it('names who changed the grant last, whatever they write there', async () => {
    const spec = { actorId: 'sam', roles: ['writer'] };
    const created = await put(dora, 'told', { ...spec, grantedBy: 'olga' });
    expect(created.json()).toMatchObject({
      outcome: 'created',
      data: { spec: { grantedBy: 'dora' } },
    });

    const again = await put(olga, 'told', { ...spec, grantedBy: 'olga' });
    expect(again.json()).toMatchObject({ outcome: 'unchanged' });
    expect((await put(olga, 'told', spec)).json()).toMatchObject({ outcome: 'unchanged' });
    expect(await grantor('told')).toBe('dora');

    const more = await put(olga, 'told', { ...spec, roles: ['reader'], grantedBy: 'dora' });
    expect(more.json()).toMatchObject({ outcome: 'configured' });
    expect(await grantor('told')).toBe('olga');
  });

  it('says the same in a dry run and in a set', async () => {
    const items = [
      manifest('RoleBinding', 'dry', namespace, { actorId: 'sam', roles: ['writer'] }),
    ];
    const request = (query: string) => ({
      ...{ method: 'POST' as const, url: `${objects}${query}`, payload: { items } },
    });
    const dry = await api.call(dora, request('?dryRun=true'));
    expect(dry.json().data[0].resource.spec.grantedBy).toBe('dora');
    const applied = await api.call(dora, request(''));
    expect(applied.json().data[0].resource.spec.grantedBy).toBe('dora');
  });

  it('never names the one who is granted to, however the binding is written', async () => {
    const own = manifest('RoleBinding', 'own', namespace, { actorId: 'paul', roles: ['writer'] });
    await expect(api.activities.store.apply([own], { actor: 'paul' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      details: { problems: [{ pointer: '/spec/actorId', rule: 'self-grant' }] },
    });
  });

  it('of a time when anybody’s word was taken does not stand in the way', async () => {
    const old = manifest('RoleBinding', 'old', namespace, { actorId: 'paul', roles: ['writer'] });
    await api.activities.store.apply([old]);
    await api.operator.query({
      text: `update platform.resources set spec = spec || '{"grantedBy": "paul"}'
              where kind = 'RoleBinding' and name = 'old' and namespace = $1`,
      values: [namespace],
    });
    const [applied] = await api.activities.store.apply([old], { actor: 'olga' });
    expect(applied!.resource.spec).toMatchObject({ grantedBy: 'olga' });
  });
});

describe('granting', () => {
  it('oneself a role is refused, by a new binding or one that stands (abuse 11)', async () => {
    for (const [key, actorId] of [
      [dora, 'dora'],
      [olga, 'olga'],
    ] as const) {
      const answer = await put(key, `self-${actorId}`, { actorId, roles: ['writer'] });
      expect(answer.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
      await put(api.adminKey, `other-${actorId}`, { actorId: 'sam', roles: ['writer'] });
      const turned = await put(key, `other-${actorId}`, { actorId, roles: ['writer'] });
      expect(turned.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
      const { rows } = await api.operator.query({
        text: `select from platform.audit_log where request_id = $1 and actor = $2 and outcome = 'denied'`,
        values: [turned.headers['x-request-id'], actorId],
      });
      expect(rows).toHaveLength(1);
    }
  });

  it('is for administrators, and what they may not give they may not take', async () => {
    const writer = await api.keyFor('will', ['writer']);
    expect((await put(writer, 'by-will', { actorId: 'x', roles: ['reader'] })).statusCode).toBe(
      403,
    );
    await put(api.adminKey, 'boss', { actorId: 'boss', roles: ['org-admin'] });
    const lowered = await put(dora, 'boss', { actorId: 'boss', roles: ['reader'] });
    expect(lowered.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    const removed = await api.call(dora, { method: 'DELETE', url: bindingPath('boss') });
    expect(removed.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    expect((await put(olga, 'boss', { actorId: 'boss', roles: ['reader'] })).statusCode).toBe(200);
    expect((await put(dora, 'boss', { actorId: 'boss', roles: ['writer'] })).statusCode).toBe(200);
  });
});

describe('GET /auth/me', () => {
  it('tells every caller who they are and what that is worth', async () => {
    const me = async (key: string) => (await api.call(key, { url: '/auth/me' })).json().data;
    const { organisation } = api.tenant;
    expect(await me(dora)).toMatchObject({
      ...{ organisation, actor: 'dora', actorType: 'user', strategy: 'apikey' },
      ...{ credential: 'apikey', key: { namespace } },
      roles: ['sales-admin', 'reader'],
      bindings: [{ namespace, roles: ['sales-admin', 'reader'] }],
      administers: { organisation: false, domains: [namespace] },
    });
    expect(await me(olga)).toMatchObject({ administers: { organisation: true } });
    expect(await me(api.adminKey)).toMatchObject({ platformAdmin: true });
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const scopes = [{ schema: 'note', operations: ['read'], fields: { read: ['title'] } }];
    const narrow = await api.keyFor('dora', [], { scopes, expiresAt });
    expect(await me(narrow)).toMatchObject({
      expiresAt,
      scopes: [{ namespace, ...scopes[0] }],
      administers: { organisation: false, domains: [] },
    });
    const nobody = await api.call(undefined, { url: '/auth/me' });
    expect(nobody.statusCode).toBe(401);
    const answer = await api.call(dora, { url: '/auth/me' });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).not.toContain(dora);
  });

  it('is what velocity whoami prints', async () => {
    const { stdout, exitCode } = await velocity(dora, 'whoami');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Actor: +dora \(user\)/);
    expect(stdout).toMatch(new RegExp(`${namespace} +sales-admin,reader +all +revoked`));
    const json = JSON.parse((await velocity(dora, 'whoami', '-o', 'json')).stdout);
    expect(json).toMatchObject({ actor: 'dora', bindings: [{ namespace }] });
    expect((await velocity(`${dora}x`, 'whoami')).exitCode).toBe(4);
  });
});

describe('GET /api/platform/roles', () => {
  it('says what each role may do and who holds it, to administrators', async () => {
    const expiresAt = '2020-01-01T00:00:00Z';
    await put(dora, 'was', { actorId: 'was', roles: ['writer'], expiresAt });
    const { data } = (await api.call(dora, { url: '/api/platform/roles' })).json();
    const role = (name: string) => data.find((one: { role: string }) => one.role === name);
    expect(role('writer')).toMatchObject({
      namespace,
      grants: expect.arrayContaining([
        { schema: 'note', version: 'v1', operations: ['create', 'read', 'update'] },
      ]),
      holders: expect.arrayContaining([
        { actor: 'was', binding: 'was', expiresAt, expired: true, grantedBy: 'dora' },
      ]),
    });
    expect(role('sales-admin')).toMatchObject({ is: ['admin'] });
    expect(role('org-admin')).toMatchObject({ is: ['organisation-admin'] });
    expect(role('reader')).toMatchObject({ is: ['default'] });
    const writer = await api.keyFor('wilma', ['writer']);
    expect((await api.call(writer, { url: '/api/platform/roles' })).statusCode).toBe(403);
    const elsewhere = '/api/platform/roles?namespace=other-x-y';
    expect((await api.call(olga, { url: elsewhere })).statusCode).toBe(404);
  });

  it('is what velocity role list prints', async () => {
    const { stdout } = await velocity(dora, 'role', 'list', '-n', namespace);
    expect(stdout).toMatch(/writer +- +note\/v1:create,read,update/);
    expect(stdout).toContain('was (ended)');
    const mine = await velocity(dora, 'role', 'list', '--actor', 'was', '-o', 'json');
    expect(JSON.parse(mine.stdout)).toMatchObject([
      { role: 'writer', holders: [{ actor: 'was' }] },
    ]);
    expect((await velocity(dora, 'role', 'list', '--actor', 'no-one')).stdout).toContain(
      'no-one holds no role',
    );
  });
});
