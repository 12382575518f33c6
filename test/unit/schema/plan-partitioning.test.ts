import { describe, expect, it } from 'vitest';
import type { Field, Partitioning, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import { planSchema } from '../../../src/schema/plan-schema.ts';

const fields: Field[] = [
  { name: 'due', type: 'date', required: true },
  { name: 'note', type: 'string' },
];
const partitioning: Partitioning = {
  ...{ enabled: true, field: 'due', strategy: 'range', interval: 'monthly' },
};
const spec = (more: Partial<SchemaDefinitionSpec> = {}): SchemaDefinitionSpec => ({
  version: 'v1',
  auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
  access: { roles: [] },
  search: { tier: 'Tier1' },
  fields,
  ...more,
});

function plan(
  before: SchemaDefinitionSpec | undefined,
  after: SchemaDefinitionSpec,
  live: { referrers?: string[]; partitionKey?: string; empty?: boolean } = {},
) {
  return planSchema({
    desired: {
      ...{ organisation: 'acme', application: 'shop', domain: 'sales', name: 'item' },
      ...{ namespace: 'acme-shop-sales', pgNamespace: 'acme_shop_sales', pgRole: 'r', spec: after },
    },
    active: before && { revision: 3, spec: before },
    live: {
      ...{ columns: new Set(), constraints: new Set(), indexes: new Set(), rows: 1_000 },
      ...{ empty: false, referred: new Map(), referrers: [], partitionKey: undefined, ...live },
    },
    targets: new Map(),
  });
}

describe('planSchema of a table that becomes partitioned', () => {
  it('copies beside the traffic: online, and locked for the swap and a trigger alone', () => {
    const planned = plan(spec(), spec({ partitioning }));
    expect(planned.changes.map(({ kind }) => kind)).toEqual(['changePartitioning']);
    expect(planned.class).toBe('online');
    const before = planned.steps.filter(({ mode }) => mode !== 'swap');
    expect(before.filter(({ blocks }) => blocks).map(({ name }) => name)).toEqual([
      'copy every write',
    ]);
    expect(before.map(({ mode }) => mode)).toContain('verify');
    expect(plan(spec({ partitioning }), spec()).class).toBe('online');
  });

  it.each<[string, Partial<SchemaDefinitionSpec>]>([
    ['another field', { fields: [...fields, { name: 'more', type: 'string' }] }],
    ['a rename', { fields: [fields[0]!, { name: 'memo', type: 'string', renamedFrom: 'note' }] }],
    ['an index', { indexes: [{ fields: [{ name: 'note' }] }] }],
  ])('refuses to copy and change at once: %s', (_name, more) => {
    const planned = plan(spec(), spec({ partitioning, ...more }));
    expect(planned.refused?.message).toContain('Make that change first, or after');
    expect(planned.steps).toEqual([]);
  });

  it('goes along with what does not touch the table', () => {
    const rules = spec({ partitioning, lifecycle: { maxQueryCost: 5 } });
    expect(plan(spec(), rules).refused).toBeUndefined();
  });

  it('refuses while others refer to its records', () => {
    const planned = plan(spec(), spec({ partitioning }), { referrers: ['acme_shop_sales.leg_v1'] });
    expect(planned.refused?.message).toContain('acme_shop_sales.leg_v1');
  });
});

describe('planSchema of a partitioned table', () => {
  const active = spec({ partitioning });

  it('follows a rename of its field without a copy', () => {
    const renamed: Field = { name: 'day', type: 'date', required: true, renamedFrom: 'due' };
    const after = spec({
      fields: [renamed, fields[1]!],
      partitioning: { ...partitioning, field: 'day' },
    });
    const planned = plan(active, after);
    expect(planned.changes.map(({ kind }) => kind)).toEqual(['renameField']);
    expect(planned.steps.map(({ name }) => name)).not.toContain('copy existing records');
  });

  it('makes partitions of another span from then on', () => {
    const planned = plan(active, spec({ partitioning: { ...partitioning, interval: 'yearly' } }));
    expect(planned.changes.map(({ kind }) => kind)).toEqual(['changeInterval']);
    expect(planned.steps.map(({ name }) => name)).toContain('make partitions');
  });

  it('refuses another type of its field, with the way round', () => {
    const later: Field = { name: 'due', type: 'datetime', required: true };
    const planned = plan(active, spec({ partitioning, fields: [later, fields[1]!] }));
    expect(planned.refused?.message).toContain('partitioning.enabled: false');
  });

  it('asks for nothing when nothing changes, however partitioning is spelt', () => {
    expect(plan(active, active).steps.filter(({ mode }) => mode !== 'swap')).toEqual([]);
    const off = spec({ partitioning: { ...partitioning, enabled: false } });
    expect(plan(spec(), off).changes).toEqual([]);
  });

  it('is made anew where an empty table of another form stands, and never over records', () => {
    const empty = plan(undefined, active, { empty: true });
    expect(empty.steps.map(({ name }) => name).slice(0, 2)).toEqual([
      'drop the table',
      'create the table',
    ]);
    expect(plan(undefined, active).refused?.reason).toBe('MigrationNotSupported');
    const same = plan(undefined, active, { partitionKey: 'range (due)' });
    expect(same.steps.map(({ name }) => name)).not.toContain('drop the table');
  });
});
