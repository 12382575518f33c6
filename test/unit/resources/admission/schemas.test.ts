import { describe, expect, it } from 'vitest';
import type { Field, Operation, SchemaDefinitionSpec } from '../../../../src/contract/kinds.ts';
import {
  acme,
  admitNew,
  application,
  domain,
  organisation,
  problemsOf,
  schema,
} from './manifests.ts';

const fields: Field[] = [
  { name: 'title', type: 'string' },
  { name: 'region', type: 'string' },
  { name: 'amount', type: 'decimal' },
  { name: 'count', type: 'integer' },
  { name: 'starts', type: 'date' },
  { name: 'open', type: 'boolean' },
  { name: 'tags', type: 'string[]' },
  { name: 'place', type: 'geopoint' },
  { name: 'extra', type: 'json' },
  { name: 'state', type: 'enum', enumValues: ['open', 'closed'] },
];
const roles = [{ role: 'clerk', operations: ['*'] as Operation[] }];
const thing = (spec: Partial<SchemaDefinitionSpec>) => schema('thing', { fields, ...spec });
const filtered = (filter: { field: string; op: string; value: unknown }) =>
  thing({
    access: { roles, rowFilter: [{ role: 'clerk', filter: filter as never }] },
  });

describe('admission › row filters', () => {
  it.each([
    { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' },
    { field: 'region', op: 'in', value: ['north', 'south'] },
    { field: 'region', op: 'like', value: 'a\\\\' },
    { field: 'created_by', op: 'eq', value: 'alice' },
    { field: 'amount', op: 'between', value: ['1.00', 5] },
    { field: 'tags', op: 'overlaps', value: ['a'] },
    { field: 'state', op: 'in', value: ['open'] },
    { field: 'extra', op: 'is_null', value: true },
  ])('accepts %o', (filter) => {
    expect(problemsOf(filtered(filter))).toEqual([]);
  });

  it.each([
    [{ field: 'nowhere', op: 'eq', value: 'x' }, '/field'],
    [{ field: 'extra', op: 'eq', value: 'x' }, '/op'],
    [{ field: 'open', op: 'gt', value: true }, '/op'],
    [{ field: 'region', op: 'within_km', value: 'x' }, '/op'],
    [{ field: 'region', op: 'in', value: 'north' }, '/value'],
    [{ field: 'amount', op: 'between', value: [1] }, '/value'],
    [{ field: 'count', op: 'in', value: [1, 'two'] }, '/value/1'],
    [{ field: 'region', op: 'eq', value: '{{identity.roles}}' }, '/value'],
    [{ field: 'region', op: 'eq', value: 'x{{identity.attributes.region}}' }, '/value'],
    [{ field: 'region', op: 'eq', value: '{{identity.attributes.sales-region}}' }, '/value'],
    [{ field: 'region', op: 'is_null', value: false }, '/value'],
    [{ field: 'region', op: 'like', value: 'a\\\\\\' }, '/value'],
    [{ field: 'state', op: 'eq', value: 'shut' }, '/value'],
    [{ field: 'state', op: 'starts_with', value: 'o' }, '/op'],
    [{ field: 'place', op: 'within_km', value: { lat: 1, lon: 2, km: 5 } }, '/op'],
  ])('refuses %o', (filter, where) => {
    expect(problemsOf(filtered(filter))).toEqual([
      `/spec/access/rowFilter/0/filter${where} row-filter`,
    ]);
  });
});

describe('admission › roles', () => {
  it('refuses a role that is granted twice', () => {
    expect(problemsOf(thing({ access: { roles: [...roles, ...roles] } }))).toEqual([
      '/spec/access/roles/1/role duplicate-role',
    ]);
  });

  it('refuses to give the role of the bootstrap key a meaning', () => {
    const access = { roles: [{ role: 'platform-admin', operations: ['*'] as Operation[] }] };
    expect(problemsOf(thing({ access }))).toEqual(['/spec/access/roles/0/role reserved-role']);
  });

  it('warns about a role that is granted nothing, except the domain administrator', () => {
    const candidate = schema('thing', {
      fields: [{ name: 'a', type: 'string', access: { read: ['clerk', 'admin', 'clark'] } }],
    });
    const { problems, warnings } = admitNew(candidate);
    expect(problems).toEqual([]);
    expect(warnings.filter((warning) => warning.startsWith('Role'))).toEqual([
      'Role "clark", named in access.read of field "a", is granted no operation by access.roles.',
    ]);
  });
});

describe('admission › rules that never apply', () => {
  const warningsOf = (spec: Parameters<typeof thing>[0]) =>
    admitNew(thing(spec)).warnings.filter((warning) =>
      /access\.write|row filters|unmaskedFor/.test(warning),
    );
  const access = (rowFilter: object[]) => ({
    roles: [
      { role: 'clerk', operations: ['read', 'update'] as Operation[] },
      { role: 'reader', operations: ['read'] as Operation[] },
    ],
    rowFilter,
  });
  const field = (more: object) => ({ name: 'a', type: 'string' as const, ...more });
  const of = (more: object, rowFilter: object[] = []) =>
    warningsOf({ access: access(rowFilter), fields: [field(more)] } as Parameters<typeof thing>[0]);

  it('warns of a writer who may not write', () => {
    expect(of({ access: { write: ['reader', 'clerk', 'admin'] } })).toEqual([
      'access.write of field "a" names role "reader", which may not create or update.',
    ]);
    expect(of({ immutable: true, access: { write: ['clerk'] } })).toEqual([
      'access.write of field "a" names role "clerk", which may not create, and the field is immutable.',
    ]);
  });

  it('warns of a writer who may not read', () => {
    expect(of({ access: { read: ['reader'], write: ['clerk'] } })).toEqual([
      'access.write of field "a" names role "clerk", which access.read leaves out: alone it may do neither.',
    ]);
    expect(of({ access: { read: ['clerk'], write: ['clerk'] } })).toEqual([]);
  });

  it('warns of a role that a mask is taken off for and that may not read', () => {
    const mask = (role: string) => ({ strategy: 'redact', unmaskedFor: [role] });
    expect(of({ access: { read: ['reader'] }, mask: mask('clerk') })).toEqual([
      'mask.unmaskedFor of field "a" names role "clerk", which access.read leaves out: alone it sees nothing of the field.',
    ]);
    expect(of({ access: { read: ['reader'] }, mask: mask('reader') })).toEqual([]);
  });

  it('warns of row filters that no row passes', () => {
    const filter = (value: unknown) => ({ role: 'clerk', filter: { field: 'a', op: 'eq', value } });
    expect(of({}, [filter('x'), filter('y')])).toEqual([
      'The row filters of role "clerk" want field "a" to have two values at once: no row passes.',
    ]);
    expect(of({}, [filter('x'), filter('x')])).toEqual([]);
    expect(of({}, [filter('x'), filter('{{identity.attributes.a}}')])).toEqual([]);
  });
});

describe('admission › indexes, validations, search', () => {
  it.each([
    ['nowhere', 'an unknown field'],
    ['tags', 'a list'],
  ])('refuses an index over %s: %s', (name) => {
    expect(problemsOf(thing({ indexes: [{ fields: [{ name: 'title' }, { name }] }] }))).toEqual([
      '/spec/indexes/0/fields/1/name index-field',
    ]);
  });

  it('accepts an index over system columns', () => {
    expect(problemsOf(thing({ indexes: [{ fields: [{ name: 'created_at' }] }] }))).toEqual([]);
  });

  it.each([
    ['amount', 'gt', 'count', []],
    ['amount', 'gt', 'nowhere', ['/right']],
    ['amount', 'gt', 'title', ['/right']],
    ['title', 'eq', 'title', ['/right']],
    ['extra', 'eq', 'extra', ['/right']],
  ] as const)('compares %s %s %s', (left, operator, right, wrong) => {
    const validations = [{ type: 'compare' as const, left, operator, right }];
    expect(problemsOf(thing({ validations }))).toEqual(
      wrong.map((where) => `/spec/validations/0${where} validation`),
    );
  });

  it('refuses a full-text tier with nothing to search', () => {
    expect(problemsOf(thing({ search: { tier: 'Tier2' } }))).toEqual([
      '/spec/search/tier search-fields',
    ]);
  });
});

describe('admission › retention', () => {
  const storage = (retention?: string) => ({
    storage: {
      hot: { backend: 'postgres' as const, retention: '90d' },
      cold: { backend: 's3' as const, ...(retention !== undefined && { retention }) },
    },
  });

  it.each([
    ['SOX', '6y', false],
    ['SOX', '84mo', true],
    ['HIPAA', '6y', true],
    ['PCI-DSS', '364d', false],
    ['PCI-DSS', '365d', true],
    ['GDPR', '91d', true],
    ['SOX', undefined, true],
  ] as const)('%s with %s', (regulation, retention, fits) => {
    const candidate = thing({
      audit: { regulations: ['GDPR', regulation] },
      timeMachine: storage(retention),
    });
    const problem = '/spec/timeMachine/storage/cold/retention retention';
    expect(problemsOf(candidate)).toEqual(fits ? [] : [problem]);
  });

  it('refuses to switch off an audit that a regulation wants', () => {
    const audit = { enabled: false, regulations: ['SOC2' as const] };
    expect(problemsOf(thing({ audit }))).toEqual(['/spec/audit/enabled retention']);
  });

  it('looks at the archive policy too, from both sides', () => {
    const namespace = 'acme-shop-orders';
    const policy = {
      apiVersion: 'velocity.sh/v1' as const,
      kind: 'ArchivePolicy' as const,
      metadata: { name: 'short', namespace },
      spec: {
        schedule: '0 2 * * *',
        trigger: { type: 'age' as const, value: '30d' },
        destination: { backend: 'file' as const },
        purgeAfter: '2y',
      },
    };
    const candidate = thing({
      audit: { regulations: ['SOX'] },
      archive: { policyRef: { name: 'short', namespace } },
    });
    expect(problemsOf(candidate, [...acme, policy])).toEqual([
      '/spec/archive/policyRef/name retention',
    ]);
    expect(problemsOf(policy, [...acme, candidate])).toEqual(['/spec/purgeAfter retention']);
  });
});

describe('admission › quotas', () => {
  const quota = { maxSchemas: 1, maxFieldsPerSchema: 2, maxVersionsPerSchema: 1 };
  const world = (owner: 'organisation' | 'application') => [
    organisation('acme', owner === 'organisation' ? { resourceQuotas: quota } : {}),
    application('acme', 'shop', owner === 'application' ? { resourceQuotas: quota } : {}),
    domain('acme', 'shop', 'orders'),
    domain('acme', 'shop', 'crm'),
  ];
  const small = schema('small');

  it.each(['organisation', 'application'] as const)('counts schemas of the %s', (owner) => {
    expect(problemsOf(small, world(owner))).toEqual([]);
    const elsewhere = schema('other', {}, 'acme-shop-crm');
    expect(problemsOf(small, [...world(owner), elsewhere])).toEqual(['/metadata/name quota']);
  });

  it('counts schemas that it was not shown', () => {
    const schemaKeys = [{ namespace: 'acme-shop-crm', name: 'other' }];
    expect(problemsOf(small, world('organisation'), { schemaKeys })).toEqual([
      '/metadata/name quota',
    ]);
  });

  it('lets a schema that exists be changed although the quota is used up', () => {
    const stored = [...world('organisation'), small, schema('other', {}, 'acme-shop-crm')];
    expect(problemsOf(small, stored)).toEqual([]);
  });

  it('counts fields and versions', () => {
    const versions = [{ namespace: 'acme-shop-orders', name: 'thing', version: 'v0' }];
    expect(problemsOf(thing({}), world('organisation'), { versions })).toEqual([
      '/spec/fields quota',
      '/spec/version quota',
    ]);
  });

  it('counts applications', () => {
    const limited = organisation('acme', { resourceQuotas: { maxApplications: 1 } });
    const shop = application('acme', 'shop');
    expect(problemsOf(shop, [limited])).toEqual([]);
    expect(problemsOf(application('acme', 'crm'), [limited, shop])).toEqual([
      '/metadata/name quota',
    ]);
    expect(problemsOf(shop, [limited, shop, application('acme', 'crm')])).toEqual([]);
  });
});

describe('admission › this release', () => {
  it('refuses every rule that it would not keep', () => {
    const candidate = schema('thing', {
      fields: [{ name: 'b', type: 'string', encrypted: true }],
    });
    expect(problemsOf(candidate)).toEqual(
      ['/spec/fields/0/encrypted'].map((pointer) => `${pointer} not-in-this-release`),
    );
  });

  it('accepts and tells what it does not act upon', () => {
    const { problems, warnings } = admitNew(
      thing({
        scaling: { min: 1, max: 2 },
        observability: { slos: [{ operation: 'read', targetP99Ms: 50 }] },
      }),
    );
    expect(problems).toEqual([]);
    for (const what of ['search.tier', 'scaling', 'observability.slos']) {
      expect(warnings.join('\n')).toContain(what);
    }
  });
});
