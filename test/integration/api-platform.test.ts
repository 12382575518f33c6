import { validate } from '@scalar/openapi-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let other: string;
let writerKey: string;
let domainAdminKey: string;
let orgAdminKey: string;
let namespace: string;
const json = { 'content-type': 'application/json' };
const objects = '/api/platform/objects';

beforeAll(async () => {
  api = await openTestApi();
  namespace = api.tenant.namespace;
  const { organisation } = api.tenant;
  await api.provide(
    manifest('Organisation', organisation, organisation, {
      displayName: 'Acme',
      adminRoles: ['org-admin'],
    }),
    api.tenant.schema('note', {
      fields: [
        { name: 'title', type: 'string' },
        { name: 'secret', type: 'string', access: { read: ['auditor'] } },
      ],
      spec: { access: { roles: [{ role: 'writer', operations: ['create', 'read'] }] } },
    }),
  );
  other = `other-${organisation}`;
  await api.provide(manifest('Organisation', other, other, { displayName: 'Other' }));
  writerKey = await api.keyFor('wanda', ['writer']);
  domainAdminKey = await api.keyFor('dora', ['sales-admin']);
  orgAdminKey = await api.keyFor('olga', ['org-admin']);
});

afterAll(() => api?.close());

const get = (key: string | undefined, url: string) => api.call(key, { url });
const send = (key: string, method: 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown) =>
  api.call(key, {
    method,
    url,
    ...(body !== undefined && { headers: json, payload: JSON.stringify(body) }),
  });
const binding = (name: string, spec: object) => manifest('RoleBinding', name, namespace, spec);

describe('the state of the process', () => {
  it('is there for everybody', async () => {
    expect((await get(undefined, '/version')).json().data.version).toBe('0.0.0-test');
    expect((await get(undefined, '/healthz')).statusCode).toBe(200);
    expect((await get(undefined, '/readyz')).json().data).toEqual({ ready: true });
  });

  it('is not ready before the registry is, and says why', async () => {
    api.deps.drain.phase = 'noticed';
    const answer = await get(undefined, '/readyz');
    api.deps.drain.phase = 'serving';
    expect(answer.statusCode).toBe(503);
    expect(answer.json().data).toEqual({ ready: false, reasons: ['the process is stopping'] });
  });

  it('has metrics with bounded labels, for callers on this machine only', async () => {
    await get(writerKey, `${api.path('note')}/018f0000-0000-7000-8000-000000000000`);
    const local = await get(undefined, '/metrics');
    expect(local.statusCode).toBe(200);
    const away = await api.app.inject({ url: '/metrics', remoteAddress: '10.1.2.3' });
    expect(away.json()).toMatchObject({ status: 403 });
  });
});

describe('GET /api and /api/openapi.json', () => {
  it('show a caller what the caller may use', async () => {
    const { data } = (await get(writerKey, '/api')).json();
    expect(data).toMatchObject([
      { path: api.path('note').slice('/api/'.length), operations: ['create', 'read'] },
    ]);
    expect((await get(await api.keyFor('nobody', []), '/api')).json().data).toEqual([]);
    const answer = await get(writerKey, '/api/openapi.json');
    expect((await validate(answer.json())).valid).toBe(true);
    expect(answer.body).not.toContain('secret');
    expect((await get(api.adminKey, '/api/openapi.json')).body).toContain('"secret"');
    const again = await api.call(writerKey, {
      url: '/api/openapi.json',
      headers: { 'if-none-match': String(answer.headers['etag']) },
    });
    expect(again.statusCode).toBe(304);
    expect((await get(undefined, '/api/openapi.json')).statusCode).toBe(401);
  });
});

describe('/api/docs', () => {
  it('is a page with local assets only, and no content before a key is given', async () => {
    const page = await get(undefined, '/api/docs');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    for (const [, url] of page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      expect((await get(undefined, url!)).statusCode, url).toBe(200);
    }
    expect(page.body).not.toMatch(/https?:\/\//);
    const renderer = await get(undefined, '/api/docs/renderer.js');
    expect(renderer.headers['content-encoding']).toBe('gzip');
    expect(renderer.rawPayload.length).toBeGreaterThan(100_000);
  });
});

describe('/api/platform/objects', () => {
  it.each(['SchemaDefinition', 'schemadefinition', 'schemadefinitions', 'SD'])(
    'takes the kind as %s',
    async (kind) => {
      const answer = await get(orgAdminKey, `${objects}/${kind}/${namespace}/note`);
      expect(answer.json().data).toMatchObject({
        kind: 'SchemaDefinition',
        metadata: { namespace },
      });
    },
  );

  it('lists what the caller administers', async () => {
    const names = async (key: string, url: string) =>
      (await get(key, url))
        .json()
        .data.map((one: { metadata: { name: string } }) => one.metadata.name);
    const { organisation } = api.tenant;
    expect(await names(orgAdminKey, `${objects}/organisation`)).toEqual([organisation]);
    expect(await names(api.adminKey, `${objects}/organisation`)).toContain(other);
    expect(await names(domainAdminKey, `${objects}/organisation`)).toEqual([]);
    expect(await names(domainAdminKey, `${objects}/sd?namespace=${namespace}`)).toEqual(['note']);
    expect(await names(domainAdminKey, `${objects}/sd/${namespace}`)).toEqual(['note']);
  });

  it('denies within the organisation and hides across organisations', async () => {
    const { organisation } = api.tenant;
    const codeOf = async (key: string, url: string) => (await get(key, url)).json().code;
    expect(await codeOf(writerKey, `${objects}/sd`)).toBe('RBAC_DENIED');
    expect(await codeOf(writerKey, `${objects}/sd/${namespace}/note`)).toBe('RBAC_DENIED');
    const own = `${objects}/organisation/${organisation}/${organisation}`;
    expect(await codeOf(domainAdminKey, own)).toBe('RBAC_DENIED');
    for (const key of [writerKey, orgAdminKey, domainAdminKey]) {
      expect(await codeOf(key, `${objects}/organisation/${other}/${other}`)).toBe(
        'ENTITY_NOT_FOUND',
      );
      expect(await codeOf(key, `${objects}/organisation/nowhere/nothing`)).toBe('ENTITY_NOT_FOUND');
    }
    expect(await codeOf(orgAdminKey, `${objects}/thing`)).toBe('ENTITY_NOT_FOUND');
  });

  it('applies a set, all or none, and shows what a dry run would do', async () => {
    const items = [
      binding('set-one', { actorId: 'sam', roles: ['writer'] }),
      binding('set-two', { actorId: 'tim', roles: ['writer'] }),
    ];
    const dry = await send(domainAdminKey, 'POST', `${objects}?dryRun=true`, { items });
    expect(dry.json().data).toMatchObject([{ outcome: 'created' }, { outcome: 'created' }]);
    const url = `${objects}/rolebinding/${namespace}/set-one`;
    expect((await get(domainAdminKey, url)).statusCode).toBe(404);
    const broken = [items[0], binding('set-two', { actorId: 'tim' })];
    const refused = await send(domainAdminKey, 'POST', objects, { items: broken });
    expect(refused.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    expect((await get(domainAdminKey, url)).statusCode).toBe(404);
    const applied = await send(domainAdminKey, 'POST', objects, { items });
    expect(applied.json().data).toMatchObject([{ outcome: 'created' }, { outcome: 'created' }]);
    const again = await send(domainAdminKey, 'POST', objects, { items });
    expect(again.json().data).toMatchObject([{ outcome: 'unchanged' }, { outcome: 'unchanged' }]);
  });

  it('puts one resource, guarded by its version, and deletes it', async () => {
    const url = `${objects}/rolebinding/${namespace}/single`;
    const spec = { actorId: 'sam', roles: ['writer'] };
    const created = await send(domainAdminKey, 'PUT', url, { spec });
    expect(created.json()).toMatchObject({
      outcome: 'created',
      data: { kind: 'RoleBinding', metadata: { name: 'single', namespace } },
    });
    expect(created.statusCode).toBe(201);
    const { resourceVersion } = created.json().data.metadata;
    const roles = ['writer', 'reader'];
    const body = { metadata: { resourceVersion }, spec: { ...spec, roles } };
    expect((await send(domainAdminKey, 'PUT', url, body)).json().outcome).toBe('configured');
    const stale = await send(domainAdminKey, 'PUT', url, body);
    expect(stale.json()).toMatchObject({ status: 409, code: 'OPTIMISTIC_LOCK_FAILED' });
    const elsewhere = { metadata: { name: 'another' }, spec };
    expect(
      (await send(domainAdminKey, 'PUT', url, elsewhere)).json().details.problems,
    ).toMatchObject([{ pointer: '/metadata/name', rule: 'address' }]);
    expect((await send(domainAdminKey, 'DELETE', `${url}?dryRun=true`)).statusCode).toBe(200);
    expect((await send(domainAdminKey, 'DELETE', url)).json().data.metadata.name).toBe('single');
  });

  it('refuses to grant oneself a role, and writes it down (abuse case 11)', async () => {
    const own = binding('own', { actorId: 'dora', roles: ['writer'] });
    const reserved = binding('reserved', { actorId: 'sam', roles: ['org-admin'] });
    for (const item of [own, reserved]) {
      const answer = await send(domainAdminKey, 'POST', objects, { items: [item] });
      expect(answer.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
      const { rows } = await api.operator.query({
        text: `select from platform.audit_log
                where request_id = $1 and actor = 'dora' and outcome = 'denied'`,
        values: [answer.headers['x-request-id']],
      });
      expect(rows).toHaveLength(1);
    }
    const elevated = await send(writerKey, 'POST', objects, {
      items: [binding('up', { actorId: 'wanda', roles: ['sales-admin'] })],
    });
    expect(elevated.statusCode).toBe(403);
    const ofOlga = { name: 'stolen', namespace, actor: 'olga', actorType: 'user' };
    const stolen = await send(domainAdminKey, 'POST', '/api/platform/api-keys', ofOlga);
    expect(stolen.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
  });
});

describe('/api/platform/api-keys', () => {
  const keys = '/api/platform/api-keys';

  it('issues a key whose text works at once and is shown once', async () => {
    await api.provide(binding('loader', { actorId: 'loader', roles: ['writer'] }));
    const request = { name: 'loader', namespace, env: 'ci' };
    const answer = await send(domainAdminKey, 'POST', keys, request);
    expect(answer.statusCode, answer.body).toBe(201);
    const { key, actor } = answer.json().data;
    expect(key).toMatch(/^vel_ci_[A-Za-z0-9_-]{43}$/);
    expect(actor).toBe('loader');
    expect((await get(key, api.path('note'))).statusCode).toBe(200);
    const again = await send(domainAdminKey, 'POST', keys, request);
    expect(again.json()).toMatchObject({ status: 409, code: 'UNIQUE_CONSTRAINT_VIOLATION' });
    const shown = await get(domainAdminKey, `${objects}/apikey/${namespace}/loader`);
    expect(shown.body).not.toContain(key);

    expect((await send(writerKey, 'DELETE', `${keys}/${namespace}/loader`)).statusCode).toBe(403);
    const revoked = await send(domainAdminKey, 'DELETE', `${keys}/${namespace}/loader`);
    expect(revoked.statusCode).toBe(204);
    expect((await get(key, api.path('note'))).json().code).toBe('AUTH_REVOKED');
    const renewed = await send(domainAdminKey, 'POST', keys, request);
    expect((await get(renewed.json().data.key, api.path('note'))).statusCode).toBe(200);
  });

  it('issues what a manifest asks for, and nothing that says otherwise', async () => {
    const spec = { actor: 'planner', actorType: 'service', scopes: [{ schema: 'note' }] };
    await api.provide(manifest('ApiKey', 'planner', namespace, spec));
    const wrong = await send(domainAdminKey, 'POST', keys, {
      name: 'planner',
      namespace,
      scopes: [],
    });
    expect(wrong.json().details.problems).toMatchObject([{ pointer: '/scopes', rule: 'declared' }]);
    const right = await send(domainAdminKey, 'POST', keys, { name: 'planner', namespace });
    expect(right.json().data).toMatchObject(spec);
  });

  it('names everything that is wrong with a request', async () => {
    const answer = await send(domainAdminKey, 'POST', keys, { name: 'x', env: 'No!', acter: 'y' });
    const pointers = answer.json().details.problems.map((p: { pointer: string }) => p.pointer);
    expect(pointers.sort()).toEqual(['/acter', '/env', '/namespace']);
  });
});

describe('/api/platform/workflows', () => {
  it('is 503 without a workflow engine, and for the platform’s administrator only', async () => {
    const answer = await get(api.adminKey, '/api/platform/workflows');
    expect(answer.json()).toMatchObject({ status: 503, code: 'TEMPORAL_UNAVAILABLE' });
    expect((await get(orgAdminKey, '/api/platform/workflows')).statusCode).toBe(403);
  });
});
