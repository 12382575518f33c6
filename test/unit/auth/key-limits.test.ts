import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Access } from '../../../src/auth/access.ts';
import { findAccess } from '../../../src/auth/access.ts';
import type { Identity, KeyScope } from '../../../src/contract/identity.ts';
import type { SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { Condition } from '../../../src/query/condition.ts';
import { emptySnapshot } from '../../../src/resources/registry/registry.ts';
import type { BindingEntry, RegistrySnapshot } from '../../../src/resources/registry/snapshot.ts';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import { compileSchema } from '../../../src/schema/compile.ts';

const namespace = 'acme-crm-sales';
const roles = ['clerk', 'auditor'];
const regions = ['north', 'south', 'east'];
const fields = ['region', 'team', 'total'];

const values = fc.uniqueArray(fc.constantFrom(...regions), { maxLength: 3 });
const attributes = fc.record({ region: values, team: values }, { requiredKeys: [] });
const operations = fc.uniqueArray(fc.constantFrom('read', 'update', '*'), { maxLength: 2 });
const someFields = fc.uniqueArray(fc.constantFrom(...fields), { maxLength: 3 });

const scope = fc.record(
  {
    schema: fc.constantFrom('*', 'order', 'other'),
    version: fc.constantFrom('v1', 'v2'),
    operations,
    attributes,
    fields: fc.record({ read: someFields, write: someFields }, { requiredKeys: [] }),
  },
  { requiredKeys: ['schema'] },
) as fc.Arbitrary<KeyScope>;

/** Mostly one that matters: of random limits few let anything through. */
const wide = attributes.map((given) => ({ schema: '*', attributes: given })) as typeof scope;
const keyScope = fc.oneof({ weight: 2, arbitrary: wide }, { weight: 1, arbitrary: scope });

const binding = fc.record({
  roles: fc.oneof(fc.constant(['clerk']), fc.subarray([...roles, 'admin'], { minLength: 1 })),
  scopes: fc.array(
    keyScope.map(({ fields: _, ...rest }) => rest),
    { maxLength: 2 },
  ),
});

const rowFilter = fc.record({
  role: fc.constantFrom('clerk', 'clerk', 'auditor'),
  filter: fc.record({
    field: fc.constantFrom('region', 'team'),
    op: fc.constantFrom('eq', 'in', 'neq', 'not_in', 'gte', 'starts_with'),
    value: fc.constantFrom('{{identity.attributes.region}}', '{{identity.attributes.team}}'),
  }),
});

const schema = fc.array(rowFilter, { minLength: 1, maxLength: 3 }).map((rowFilters) =>
  compileSchema(
    {
      ...{ organisation: 'acme', application: 'crm', domain: 'sales', namespace, name: 'order' },
      ...{ revision: 1, pgNamespace: 'acme_crm_sales', pgTable: 'order_v1', pgRole: 'velocity' },
      access: { defaultRole: 'member', adminRole: 'admin' },
      spec: {
        version: 'v1',
        access: {
          roles: roles.map((role) => ({ role, operations: ['read', 'update'] })),
          rowFilter: rowFilters,
        },
        fields: [
          { name: 'region', type: 'string' },
          { name: 'team', type: 'string', access: { read: ['auditor'] } },
          { name: 'total', type: 'string', access: { write: ['clerk'] } },
        ],
      } as unknown as SchemaDefinitionSpec,
    },
    () => undefined,
  ),
);

type Row = Readonly<Record<string, string>>;
const rows: readonly Row[] = regions.flatMap((region) => regions.map((team) => ({ region, team })));

/** What a condition means, as plainly as it can be said. */
function passes(condition: Condition | undefined, row: Row): boolean {
  if (condition === undefined) return true;
  if ('and' in condition) return condition.and.every((part) => passes(part, row));
  if ('or' in condition) return condition.or.some((part) => passes(part, row));
  if ('not' in condition) return !passes(condition.not, row);
  const value = row[condition.field]!;
  const wanted = [condition.value].flat().map(String);
  switch (condition.op) {
    case 'eq':
    case 'in':
      return wanted.includes(value);
    case 'neq':
    case 'not_in':
      return !wanted.includes(value);
    case 'gte':
      return value >= wanted[0]!;
    case 'starts_with':
      return value.startsWith(wanted[0]!);
    default:
      throw new Error(`no row filter of this test has ${condition.op}`);
  }
}

interface Asked {
  readonly compiled: CompiledSchema;
  readonly bindings: readonly Pick<BindingEntry, 'roles' | 'scopes'>[];
  readonly operation: 'read' | 'update';
}

function accessWith(keyScopes: readonly KeyScope[] | undefined, asked: Asked): Access | undefined {
  const identity: Identity = {
    ...{ organisation: 'acme', actor: 'ann', actorType: 'user', strategy: 'apikey' },
    ...{ platformAdmin: false, keyScopes, roles: [], attributes: {} },
    credential: { kind: 'apikey', id: 'test' },
  };
  const entries = asked.bindings.map((one) => ({
    ...{
      name: 'one',
      namespace,
      organisation: 'acme',
      actorId: 'ann',
      expiresAt: undefined,
      ...one,
    },
  }));
  const snapshot: RegistrySnapshot = {
    ...emptySnapshot,
    bindings: new Map([['acme\nann', entries]]),
  };
  const { compiled, operation } = asked;
  return findAccess({ identity, snapshot, schema: compiled, operation, nowMs: 0 });
}

const asked = fc.record({
  compiled: schema,
  bindings: fc.array(binding, { maxLength: 3 }) as fc.Arbitrary<Asked['bindings']>,
  operation: fc.constantFrom('read' as const, 'update' as const),
});

it('scopes of a key narrow what its actor may do and never widen it', () => {
  fc.assert(
    fc.property(asked, fc.array(keyScope, { minLength: 1, maxLength: 3 }), (question, scopes) => {
      const whole = accessWith(undefined, question);
      const left = accessWith(scopes, question);
      if (left === undefined) return;
      expect(whole, 'a key may what its actor may not').toBeDefined();
      expect([...left.readable].filter((name) => !whole!.readable.has(name))).toEqual([]);
      expect([...left.writable].filter((name) => !whole!.writable.has(name))).toEqual([]);
      expect([...left.writable].filter((name) => !left.readable.has(name))).toEqual([]);
      for (const row of rows) {
        if (passes(left.rowFilter, row))
          expect(passes(whole!.rowFilter, row), JSON.stringify(row)).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});

it('no scope lets a key use fields or operations that none of its scopes has', () => {
  fc.assert(
    fc.property(asked, fc.array(keyScope, { minLength: 1, maxLength: 3 }), (question, scopes) => {
      const left = accessWith(scopes, question);
      if (left === undefined) return;
      const alone = scopes.flatMap((one) => accessWith([one], question) ?? []);
      expect(alone.length, 'no scope by itself would allow it').toBeGreaterThan(0);
      const readable = new Set(alone.flatMap((access) => [...access.readable]));
      expect([...left.readable].filter((name) => !readable.has(name))).toEqual([]);
      // One scope may let a field be written that another lets be read.
      const writing = scopes.map(({ fields: { read: _, ...limits } = {}, ...one }) => ({
        ...one,
        fields: limits,
      }));
      const writable = writing.flatMap((one) => [...(accessWith([one], question)?.writable ?? [])]);
      expect([...left.writable].filter((name) => !writable.includes(name))).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

it('fields of one scope do not show in the rows of another', () => {
  const compiled = fc.sample(schema, 1)[0]!;
  const question: Asked = {
    compiled,
    bindings: [{ roles: ['clerk', 'auditor'], scopes: [] }],
    operation: 'read',
  };
  const readable = (...scopes: KeyScope[]) => [...(accessWith(scopes, question)?.readable ?? [])];
  const north = { schema: '*', attributes: { region: ['north'] }, fields: { read: ['region'] } };
  const south = { schema: '*', attributes: { region: ['south'] }, fields: { read: ['total'] } };
  expect(readable(north)).toContain('region');
  expect(readable(south)).toContain('total');
  const both = readable(north, south);
  expect(both).not.toContain('region');
  expect(both).not.toContain('total');
  const alike = readable({ ...north, attributes: {} }, { ...south, attributes: {} });
  expect(alike).toEqual(expect.arrayContaining(['region', 'total']));
});

it('a scope is for the schemas of the domain that the key belongs to', () => {
  const compiled = fc.sample(schema, 1)[0]!;
  const question: Asked = {
    compiled,
    bindings: [{ roles: ['clerk'], scopes: [] }],
    operation: 'read',
  };
  expect(accessWith([{ schema: '*', namespace }], question)).toBeDefined();
  expect(accessWith([{ schema: '*', namespace: 'acme-crm-support' }], question)).toBeUndefined();
});
