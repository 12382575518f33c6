import { describe, expect, it } from 'vitest';
import {
  decidePlatformAccess,
  requireAdministration,
  requireNoEscalation,
} from '../../../src/api/platform/platform-access.ts';
import type { Identity } from '../../../src/contract/identity.ts';
import type { VelocityError } from '../../../src/errors.ts';
import { organisationOf } from '../../../src/resources/registry/organisation-of.ts';
import type {
  BindingEntry,
  DomainEntry,
  RegistrySnapshot,
} from '../../../src/resources/registry/snapshot.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const sales = 'acme-crm-sales';
const support = 'acme-crm-support';
const labs = 'acme-labs-x-y';

function domain(namespace: string, organisation: string): [string, DomainEntry] {
  return [
    namespace,
    {
      organisation,
      application: 'crm',
      domain: namespace.split('-').at(-1)!,
      namespace,
      pgNamespace: namespace.replaceAll('-', '_'),
      pgRole: `velocity_${namespace.replaceAll('-', '_')}`,
      access: { defaultRole: 'reader', adminRole: 'domain-admin' },
    },
  ];
}

function snapshotWith(bindings: Record<string, Partial<BindingEntry>[]>): RegistrySnapshot {
  return {
    schemas: new Map(),
    targets: new Map(),
    dropped: new Map(),
    domains: new Map([domain(sales, 'acme'), domain(support, 'acme'), domain(labs, 'acme-labs')]),
    bindings: new Map(
      Object.entries(bindings).map(([actor, entries]) => [
        `acme\n${actor}`,
        entries.map((entry) => ({
          namespace: sales,
          name: actor,
          organisation: 'acme',
          actorId: actor,
          roles: [],
          scopes: [],
          expiresAt: undefined,
          ...entry,
        })),
      ]),
    ),
    keys: new Map(),
    strategies: new Map(),
    quotas: new Map(),
    adminRoles: new Map([
      ['acme', ['org-admin']],
      ['acme-labs', ['org-admin']],
    ]),
  };
}

const snapshot = snapshotWith({
  olga: [{ roles: ['org-admin'] }],
  dora: [{ roles: ['domain-admin'] }],
  dan: [{ roles: ['domain-admin'] }],
  rita: [{ roles: ['reader'] }],
  late: [{ roles: ['org-admin'], expiresAt: now }],
  part: [{ roles: ['domain-admin'], scopes: [{ schema: 'order' }] }],
  both: [{ roles: ['reader'] }, { roles: ['reader'], namespace: support }],
});

function caller(actor: string, more: Partial<Identity> = {}): Identity {
  return {
    organisation: 'acme',
    actor,
    actorType: 'user',
    strategy: 'apikey',
    platformAdmin: false,
    keyScopes: undefined,
    ...{ roles: [], attributes: {}, credential: { kind: 'apikey', id: 'test' } },
    ...more,
  };
}

const accessOf = (actor: string, more?: Partial<Identity>) =>
  decidePlatformAccess(caller(actor, more), snapshot, now);

function codeOf(work: () => void): string | undefined {
  try {
    work();
  } catch (error) {
    return (error as VelocityError).code;
  }
  return undefined;
}

describe('platform access', () => {
  it('gives an organisation’s administrator its namespaces and no other’s', () => {
    const { administers } = accessOf('olga');
    expect([sales, support, 'acme', 'acme-new-domain'].map(administers)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(
      [labs, 'acme-labs', 'acme-labs-new-domain', 'other', 'platform'].map(administers),
    ).toEqual([false, false, false, false, false]);
  });

  it('gives a domain’s administrator that domain alone', () => {
    const { administers, organisationAdmin } = accessOf('dora');
    expect([sales, support, 'acme'].map(administers)).toEqual([true, false, false]);
    expect(organisationAdmin).toBe(false);
  });

  it.each(['rita', 'late', 'part', 'nobody'])('gives %s nothing', (actor) => {
    expect(accessOf(actor).anything).toBe(false);
  });

  it('gives a key with scopes nothing, whoever holds it', () => {
    expect(accessOf('olga', { keyScopes: [{ schema: '*' }] }).anything).toBe(false);
  });

  it('gives the bootstrap key everything', () => {
    expect(accessOf('root', { platformAdmin: true }).administers(labs)).toBe(true);
  });

  it('answers 404 across organisations and 403 within', () => {
    const olga = accessOf('olga');
    expect(codeOf(() => requireAdministration(olga, snapshot, labs))).toBe('ENTITY_NOT_FOUND');
    expect(codeOf(() => requireAdministration(olga, snapshot, 'nowhere'))).toBe('ENTITY_NOT_FOUND');
    const dora = accessOf('dora');
    expect(codeOf(() => requireAdministration(dora, snapshot, support))).toBe('RBAC_DENIED');
  });

  it('takes the longest organisation that a namespace begins with', () => {
    expect(organisationOf('acme-labs-p-q', snapshot)).toBe('acme-labs');
    expect(organisationOf('acmes', snapshot)).toBeUndefined();
  });
});

describe('escalation', () => {
  const write = (actor: string, kind: 'RoleBinding' | 'ApiKey' | 'Organisation', spec: object) =>
    codeOf(() =>
      requireNoEscalation(accessOf(actor), snapshot, {
        kind,
        namespace: sales,
        spec: spec as Record<string, unknown>,
      }),
    );

  it('refuses to grant oneself a role, even to an organisation’s administrator', () => {
    for (const actor of ['olga', 'dora']) {
      expect(write(actor, 'RoleBinding', { actorId: actor, roles: ['reader'] })).toBe(
        'RBAC_DENIED',
      );
      expect(write(actor, 'RoleBinding', { actorId: 'rita', roles: ['reader'] })).toBeUndefined();
    }
  });

  it('keeps the organisation’s administrative roles to its administrators', () => {
    expect(write('dora', 'RoleBinding', { actorId: 'rita', roles: ['org-admin'] })).toBe(
      'RBAC_DENIED',
    );
    expect(write('olga', 'RoleBinding', { actorId: 'rita', roles: ['org-admin'] })).toBeUndefined();
  });

  it('lets a domain’s administrator make keys for itself and for actors of that domain', () => {
    expect(write('dora', 'ApiKey', { actor: 'dora' })).toBeUndefined();
    expect(write('dora', 'ApiKey', { actor: 'rita' })).toBeUndefined();
    expect(write('dora', 'ApiKey', { actor: 'new-service' })).toBeUndefined();
  });

  it('refuses it keys that act as administrators, or in other domains', () => {
    expect(write('dora', 'ApiKey', { actor: 'olga' })).toBe('RBAC_DENIED');
    expect(write('dora', 'ApiKey', { actor: 'dan' })).toBe('RBAC_DENIED');
    expect(write('dora', 'ApiKey', { actor: 'both' })).toBe('RBAC_DENIED');
    expect(write('olga', 'ApiKey', { actor: 'both' })).toBeUndefined();
  });

  it('keeps organisations to the platform’s administrator', () => {
    expect(write('olga', 'Organisation', {})).toBe('RBAC_DENIED');
  });
});
