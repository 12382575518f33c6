import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

/** A domain that asks for a second person, and what its administrator `bob` tries to be both. */

let api: TestApi;
let namespace: string;
const keys: Record<string, string> = {};
const objects = '/api/platform/objects';
const domainSpec = {
  app: 'shop',
  displayName: 'Sales',
  access: { defaultRole: 'reader', adminRole: 'sales-admin' },
  approvals: { plans: true, fourEyes: true },
};

beforeAll(async () => {
  api = await openTestApi();
  ({ namespace } = api.tenant);
  const { organisation } = api.tenant;
  await api.provide(
    manifest('Organisation', organisation, organisation, {
      displayName: 'Acme',
      adminRoles: ['org-admin'],
    }),
    manifest('Domain', 'sales', namespace, domainSpec),
  );
  keys['bob'] = await api.keyFor('bob', ['sales-admin']);
  keys['carol'] = await api.keyFor('carol', ['sales-admin']);
  keys['olga'] = await api.keyFor('olga', ['org-admin']);
  await api.keyFor('rita', ['reader']);
  keys['root'] = api.adminKey;
});

afterAll(() => api?.close());

async function send(actor: string, method: 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown) {
  const answer = await api.call(keys[actor], {
    method,
    url,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    }),
  });
  return { status: answer.statusCode, body: answer.json() };
}

const put = (actor: string, kind: string, name: string, spec: object) =>
  send(
    actor,
    'PUT',
    `${objects}/${kind}/${namespace}/${name}`,
    manifest(kind, name, namespace, spec),
  );
const apply = (actor: string, kind: string, name: string, spec: object) =>
  send(actor, 'POST', objects, { items: [manifest(kind, name, namespace, spec)] });
const denied = { status: 403, body: { code: 'RBAC_DENIED', hint: expect.any(String) } };

describe('a domain’s administrator under four eyes', () => {
  it('makes no keys that act as another administrator', async () => {
    const key = (actor: string) => ({ name: `as-${actor}`, namespace, actor, actorType: 'user' });
    for (const actor of ['carol', 'olga']) {
      expect(await send('bob', 'POST', '/api/platform/api-keys', key(actor))).toMatchObject(denied);
      const spec = { actor, actorType: 'user' };
      expect(await put('bob', 'ApiKey', `as-${actor}`, spec)).toMatchObject(denied);
      expect(await apply('bob', 'ApiKey', `as-${actor}`, spec)).toMatchObject(denied);
    }
    for (const actor of ['bob', 'rita', 'new-service']) {
      const made = await send('bob', 'POST', '/api/platform/api-keys', key(actor));
      expect(made.status, JSON.stringify(made.body)).toBe(201);
    }
    for (const [by, actor] of Object.entries({ olga: 'carol', root: 'olga' })) {
      const made = await send(by, 'POST', '/api/platform/api-keys', key(actor));
      expect(made.status, JSON.stringify(made.body)).toBe(201);
    }
  });

  it('makes no other administrator', async () => {
    const spec = { actorId: 'made-up', roles: ['reader', 'sales-admin'] };
    expect(await put('bob', 'RoleBinding', 'made-up', spec)).toMatchObject(denied);
    expect(await apply('bob', 'RoleBinding', 'made-up', spec)).toMatchObject(denied);
    expect(
      await put('bob', 'RoleBinding', 'sam', { actorId: 'sam', roles: ['writer'] }),
    ).toMatchObject({ status: 201 });
    expect(await put('olga', 'RoleBinding', 'made-up', spec)).toMatchObject({ status: 201 });
  });

  it('neither weakens what is asked for nor says who administers', async () => {
    const { approvals, ...silent } = domainSpec;
    const weaker = [
      silent,
      { ...domainSpec, approvals: {} },
      { ...domainSpec, approvals: { ...approvals, plans: false } },
      { ...domainSpec, approvals: { ...approvals, fourEyes: false } },
      { ...domainSpec, access: { ...domainSpec.access, adminRole: 'writer' } },
    ];
    for (const spec of weaker) {
      expect(await put('bob', 'Domain', 'sales', spec)).toMatchObject(denied);
      expect(await apply('bob', 'Domain', 'sales', spec)).toMatchObject(denied);
    }
    expect(await send('bob', 'DELETE', `${objects}/Domain/${namespace}/sales`)).toMatchObject(
      denied,
    );
    const renamed = { ...domainSpec, displayName: 'Sales and more' };
    expect(await put('bob', 'Domain', 'sales', renamed)).toMatchObject({ status: 200 });
    expect(await put('olga', 'Domain', 'sales', weaker[2]!)).toMatchObject({ status: 200 });
    expect(await put('bob', 'Domain', 'sales', domainSpec)).toMatchObject({ status: 200 });
  });
});
