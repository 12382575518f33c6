import { describe, expect, it } from 'vitest';
import type {
  ApiKey,
  AuthStrategy,
  Resource,
  RoleBinding,
} from '../../../../src/contract/kinds.ts';
import {
  acme,
  admitNew,
  apiVersion,
  application,
  domain,
  organisation,
  problemsOf,
  schema,
} from './manifests.ts';

const wrongNamespace = ['/metadata/namespace namespace-of-parents'];
const inNamespace = <R extends Resource>(resource: R, namespace: string): R => ({
  ...resource,
  metadata: { ...resource.metadata, namespace },
});

function strategy(name: string, spec: AuthStrategy['spec']): AuthStrategy {
  const metadata = { name, namespace: 'acme-shop-orders' };
  return { apiVersion, kind: 'AuthStrategy', metadata, spec };
}

describe('admission › where resources live', () => {
  it('accepts the tree, and a part of it before its parents exist', () => {
    for (const resource of [...acme, schema('thing')]) {
      expect(problemsOf(resource)).toEqual([]);
      expect(problemsOf(resource, [])).toEqual([]);
    }
  });

  it('wants an organisation and its applications in the namespace of the organisation', () => {
    expect(problemsOf(inNamespace(organisation('acme'), 'other'))).toEqual(wrongNamespace);
    expect(problemsOf(inNamespace(application('acme', 'shop'), 'acme-shop'))).toEqual(
      wrongNamespace,
    );
  });

  it('wants a domain in the namespace of its parents, and names it', () => {
    const misplaced = inNamespace(domain('acme', 'shop', 'orders'), 'acme-orders');
    expect(problemsOf(misplaced)).toEqual(wrongNamespace);
    expect(admitNew(misplaced).problems[0]?.hint).toContain('"acme-shop-orders"');
  });

  it('wants everything else in the namespace of a domain', () => {
    for (const namespace of ['acme', 'acme-shop']) {
      expect(problemsOf(schema('thing', {}, namespace)), namespace).toEqual(wrongNamespace);
    }
  });

  it.each(['platform', 'pg', 'pg-x'])('keeps the organisation name %s for others', (name) => {
    expect(problemsOf(organisation(name))).toEqual(['/metadata/name reserved-name']);
    expect(problemsOf(application(name, 'shop'))).toEqual(['/spec/org reserved-name']);
    expect(problemsOf(domain(name, 'shop', 'orders'))).toEqual([
      '/metadata/namespace reserved-name',
    ]);
  });

  it.each(['Orders', '1a', 'a_b', 'a.b', '', 'x'.repeat(64)])('refuses the name %j', (name) => {
    expect(problemsOf(schema(name))).toEqual(['/metadata/name resource-name']);
  });

  it('refuses two parents whose domains would share a namespace', () => {
    const theirs = domain('acme-shop', 'web', 'orders');
    expect(problemsOf(domain('acme', 'shop-web', 'orders'), [theirs])).toEqual([
      '/spec/app namespace-collision',
    ]);
    expect(problemsOf(domain('acme', 'shop', 'web-orders'), [theirs])).toEqual([
      '/metadata/namespace namespace-collision',
    ]);
  });

  it('refuses an organisation and a domain of one namespace', () => {
    const collision = organisation('acme-shop-orders');
    expect(problemsOf(collision)).toEqual(['/metadata/name namespace-collision']);
    expect(problemsOf(domain('acme', 'shop', 'orders'), [collision])).toEqual([
      '/metadata/namespace namespace-collision',
    ]);
  });

  it('refuses two schemas that would share a table', () => {
    const there = schema('a-v1', { version: 'v2' });
    expect(problemsOf(schema('a', { version: 'v1-v2' }), [...acme, there])).toEqual([
      '/metadata/name namespace-collision',
    ]);
  });
});

describe('admission › references to other resources', () => {
  const globex = [domain('globex', 'shop', 'orders')];
  const theirs = { name: 'keys', namespace: 'globex-shop-orders' };

  it('keeps references inside the organisation', () => {
    expect(
      problemsOf(schema('thing', { auth: { strategyRef: theirs } }), [...acme, ...globex]),
    ).toEqual(['/spec/auth/strategyRef/namespace cross-organisation']);
    expect(problemsOf(organisation('acme', { defaultAuthStrategy: theirs }))).toEqual([
      '/spec/defaultAuthStrategy/namespace cross-organisation',
    ]);
    expect(problemsOf(application('acme', 'shop', { authStrategy: theirs }))).toEqual([
      '/spec/authStrategy/namespace cross-organisation',
    ]);
  });

  it('does not mind a target that does not exist yet', () => {
    const auth = { strategyRef: { name: 'later', namespace: 'acme-shop-later' } };
    expect(problemsOf(schema('thing', { auth }))).toEqual([]);
  });

  it('refuses a domain that would make what is there refer to another organisation', () => {
    // Before its domain exists, `acme-evil-x-y` may be of `acme` as well as of `acme-evil`.
    const stored = [...acme, schema('target')];
    const ref = { org: 'acme', app: 'shop', domain: 'orders', object: 'target', version: 'v1' };
    const fields = [{ name: 'to', type: 'ref' as const, ref }];
    const early = schema('early', { fields }, 'acme-evil-x-y');
    expect(problemsOf(early, stored)).toEqual([]);
    expect(problemsOf(domain('acme-evil', 'x', 'y'), [...stored, early])).toEqual([
      '/metadata/namespace cross-organisation',
    ]);
    expect(problemsOf(domain('acme', 'evil-x', 'y'), [...stored, early])).toEqual([]);
  });

  it('refuses composite strategies that contain each other', () => {
    const child = (name: string) => ({ name, namespace: 'acme-shop-orders' });
    const a = strategy('a', { type: 'composite', config: { children: [child('b')] } });
    const b = strategy('b', { type: 'composite', config: { children: [child('a')] } });
    expect(problemsOf(b, acme)).toEqual([]);
    expect(problemsOf(a, [...acme, b])).toEqual(['/spec/config/children/0/name auth-cycle']);
  });

  it('refuses a strategy without what its type needs', () => {
    expect(problemsOf(strategy('a', { type: 'jwt', config: {} }))).toEqual([
      '/spec/type auth-config',
    ]);
  });
});

describe('admission › who may do what', () => {
  const binding = (spec: Partial<RoleBinding['spec']>): RoleBinding => ({
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: 'alice', namespace: 'acme-shop-orders' },
    spec: { actorId: 'alice', roles: ['clerk'], ...spec },
  });

  it('lets no resource grant the role of the bootstrap key', () => {
    expect(problemsOf(binding({ roles: ['clerk', 'platform-admin'] }))).toEqual([
      '/spec/roles/1 reserved-role',
    ]);
    expect(problemsOf(organisation('acme', { adminRoles: ['platform-admin'] }))).toEqual([
      '/spec/adminRoles/0 reserved-role',
    ]);
  });

  it('refuses a domain in which everybody would be the administrator', () => {
    const open = domain('acme', 'shop', 'orders');
    open.spec.access.defaultRole = 'admin';
    expect(problemsOf(open)).toEqual(['/spec/access/defaultRole domain-roles']);
  });

  it('warns about a scope that names no schema', () => {
    const { problems, warnings } = admitNew(
      binding({ scopes: [{ schema: 'ordre' }, { schema: '*' }] }),
    );
    expect(problems).toEqual([]);
    expect(warnings[0]).toContain('"ordre"');
  });

  it.each(['10.0.0.0/33', '10.0.0/8', 'x/8', '::1/129'])('refuses the network %s', (cidr) => {
    const key: ApiKey = {
      apiVersion,
      kind: 'ApiKey',
      metadata: { name: 'loader', namespace: 'acme-shop-orders' },
      spec: { actor: 'loader', actorType: 'service', ipAllowlist: ['10.0.0.0/8', cidr] },
    };
    expect(problemsOf(key)).toEqual(['/spec/ipAllowlist/1 cidr']);
  });
});
