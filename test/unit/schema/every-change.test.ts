import { describe, expect, it } from 'vitest';
import type { Field, FieldType, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { PlanInput, SchemaPlan } from '../../../src/schema/plan-schema.ts';
import { planSchema } from '../../../src/schema/plan-schema.ts';

const types: readonly FieldType[] = [
  ...(['string', 'integer', 'number', 'decimal', 'boolean', 'date', 'datetime'] as const),
  ...(['uuid', 'json', 'enum', 'geopoint', 'string[]', 'integer[]'] as const),
];

function fieldOf(type: FieldType, over: Partial<Field> = {}): Field {
  return { name: 'thing', type, ...(type === 'enum' && { enumValues: ['a', 'b'] }), ...over };
}

function specOf(field: Field, over: Partial<SchemaDefinitionSpec> = {}): SchemaDefinitionSpec {
  return {
    version: 'v1',
    auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
    access: { roles: [{ role: 'reader', operations: ['read'] }] },
    fields: [{ name: 'title', type: 'string' }, field],
    search: { tier: 'Tier1' },
    ...over,
  } as SchemaDefinitionSpec;
}

/** From one spec to another, over a table with a thousand records. */
function planFrom(active: SchemaDefinitionSpec, spec: SchemaDefinitionSpec): SchemaPlan {
  const names = active.fields.map(({ name }) => name);
  const input = {
    desired: {
      ...{ organisation: 'acme', application: 'shop', domain: 'sales', name: 'item', spec },
      ...{ namespace: 'acme-shop-sales', pgNamespace: 'acme_shop_sales' },
      ...{ pgRole: 'velocity_acme_shop_sales', access: { defaultRole: 'reader' } },
    },
    active: { revision: 1, spec: active },
    live: {
      columns: new Set(['id', 'version', ...names]),
      ...{ constraints: new Set(), indexes: new Set(), rows: 1_000, empty: false },
      ...{ referred: new Map(), referrers: [], partitionKey: undefined },
    },
    ...{ targets: new Map(), frozen: false },
  };
  return planSchema(input as unknown as PlanInput);
}

const change = (from: Partial<Field>, to: Partial<Field>, type: FieldType = 'string') =>
  planFrom(specOf(fieldOf(type, from)), specOf(fieldOf(type, to)));

/** What becomes of each type: `=` as it is, `+` online, `!` after an approval; others are refused. */
const ways: Readonly<Record<string, string>> = {
  //         str int num dec boo dat tim uui jso enu geo st[] in[]
  string: '  =   !   !   !   !   !   !   !   .   !   .   .   .',
  integer: ' +   =   !   +   .   .   .   .   .   !   .   .   .',
  number: '  +   !   =   !   .   .   .   .   .   !   .   .   .',
  decimal: ' +   !   !   =   .   .   .   .   .   !   .   .   .',
  boolean: ' +   .   .   .   =   .   .   .   .   !   .   .   .',
  date: '    +   .   .   .   .   =   +   .   .   !   .   .   .',
  datetime: '+   .   .   .   .   !   =   .   .   !   .   .   .',
  uuid: '    +   .   .   .   .   .   .   =   .   !   .   .   .',
  json: '    .   .   .   .   .   .   .   .   =   .   .   .   .',
  enum: '    +   !   !   !   !   !   !   !   .   =   .   .   .',
  geopoint: '.   .   .   .   .   .   .   .   .   .   =   .   .',
  'string[]': '.   .   .   .   .   .   .   .   .   .   .   =   .',
  'integer[]': '.   .   .   .   .   .   .   .   .   .   .   .   =',
};

describe('every change of a schema has a way', () => {
  it.each(types)('%s to any other type: by steps, or by two fields for a while', (from) => {
    const found = types.map((to) => {
      const plan = planFrom(specOf(fieldOf(from)), specOf(fieldOf(to)));
      if (plan.refused !== undefined) {
        expect(plan.refused.message).toContain('Add another field beside it, thing_new say');
        expect(plan.steps).toEqual([]);
        return '.';
      }
      if (plan.changes.length === 0) return '=';
      expect(plan.steps.length, `${from} to ${to}`).toBeGreaterThan(0);
      return plan.class === 'breaking' ? '!' : '+';
    });
    expect(found.join(' ')).toBe(ways[from]?.trim().split(/\s+/).join(' '));
  });

  it.each<[string, Partial<Field>, Partial<Field>, SchemaPlan['class'], FieldType?]>([
    ['a longer text', { maxLength: 5 }, { maxLength: 9 }, 'online'],
    ['a shorter text', { maxLength: 9 }, { maxLength: 5 }, 'breaking'],
    ['a text without end', { maxLength: 9 }, {}, 'online'],
    ['a higher bound', { max: 5 }, { max: 9 }, 'online', 'integer'],
    ['a lower bound', { max: 9 }, { max: 5 }, 'breaking', 'integer'],
    ['a bound more', {}, { min: 0 }, 'breaking', 'decimal'],
    ['a bound less', { min: 0 }, {}, 'online', 'number'],
    ['a pattern', {}, { pattern: '^[a-z]+$' }, 'breaking'],
    ['another pattern', { pattern: '^[a-z]+$' }, { pattern: '^[a-z]$' }, 'breaking'],
    ['no pattern', { pattern: '^[a-z]+$' }, {}, 'online'],
    ['a value more', { enumValues: ['a'] }, { enumValues: ['a', 'b'] }, 'online', 'enum'],
    ['a value less', { enumValues: ['a', 'b'] }, { enumValues: ['a'] }, 'breaking', 'enum'],
    ['required', {}, { required: true }, 'breaking'],
    ['no longer required', { required: true }, {}, 'safe'],
    ['unique', {}, { unique: true }, 'breaking'],
    ['no longer unique', { unique: true }, {}, 'safe'],
    ['indexed', {}, { indexed: true }, 'online'],
    ['filterable', {}, { filterable: true }, 'online'],
    ['sortable', {}, { sortable: true }, 'online'],
    ['no longer sortable', { sortable: true }, {}, 'safe'],
    ['a default', {}, { default: 'x' }, 'safe'],
    ['immutable', {}, { immutable: true }, 'safe'],
    ['searched in German', {}, { searchable: true, language: 'german', ftsWeight: 'A' }, 'safe'],
    ['guarded', {}, { access: { read: ['reader'] } }, 'safe'],
    ['more digits', { precision: 8, scale: 2 }, { precision: 9, scale: 2 }, 'online', 'decimal'],
    ['fewer digits', { precision: 9, scale: 2 }, { precision: 8, scale: 2 }, 'breaking', 'decimal'],
  ])('%s', (_name, from, to, expected, type = 'string') => {
    const plan = change(from, to, type);
    expect(plan.refused).toBeUndefined();
    expect(plan.changes).not.toEqual([]);
    expect(plan.class).toBe(expected);
  });

  it.each<[string, Partial<SchemaDefinitionSpec>]>([
    ['search tier', { search: { tier: 'Tier2' } }],
    ['what is not audited', { audit: { enabled: false } }],
    ['webhooks', { webhooks: [{ name: 'told', url: 'https://example.com', secretRef: 'x' }] }],
  ] as [string, Partial<SchemaDefinitionSpec>][])('%s takes no lock on records', (_name, over) => {
    const field = fieldOf('string', { searchable: true });
    const plan = planFrom(specOf(field), specOf(field, over));
    expect(plan.changes).toHaveLength(1);
    expect(plan.steps.map(({ lock, blocks }) => [lock, blocks])).toEqual([['none', false]]);
  });

  it('rows that roles see are decided anew in the swap', () => {
    const field = fieldOf('string');
    const rowFilter = [{ role: 'reader', filter: { field: 'thing', op: 'eq', value: 'a' } }];
    const access = { ...specOf(field).access, rowFilter } as SchemaDefinitionSpec['access'];
    const plan = planFrom(specOf(field), specOf(field, { access }));
    expect(plan.changes.map(({ kind }) => kind)).toEqual(['changeRowFilters']);
    expect(plan.steps.map(({ name }) => name)).toContain('row-level security');
  });
});
