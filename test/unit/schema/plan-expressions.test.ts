import { describe, expect, it } from 'vitest';
import type { Field, SchemaDefinitionSpec, Validation } from '../../../src/contract/kinds.ts';
import { planSchema } from '../../../src/schema/plan-schema.ts';

const spec = (fields: Field[], more: Partial<SchemaDefinitionSpec> = {}): SchemaDefinitionSpec => ({
  version: 'v1',
  auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-sales' } },
  access: { roles: [] },
  search: { tier: 'Tier1' },
  fields,
  ...more,
});

interface Live {
  readonly referred?: ReadonlyMap<string, readonly string[]>;
  readonly constraints?: ReadonlySet<string>;
}

function plan(before: SchemaDefinitionSpec, after: SchemaDefinitionSpec, live: Live = {}) {
  return planSchema({
    desired: {
      ...{ organisation: 'acme', application: 'shop', domain: 'sales', name: 'item' },
      ...{ namespace: 'acme-shop-sales', pgNamespace: 'acme_shop_sales', pgRole: 'r', spec: after },
    },
    active: { revision: 3, spec: before },
    live: {
      ...{ columns: new Set(), constraints: new Set(), indexes: new Set(), rows: 1_000 },
      ...{ empty: false, referred: new Map(), referrers: [], partitionKey: undefined, ...live },
    },
    targets: new Map(),
  });
}

const a: Field = { name: 'a', type: 'integer' };
const b: Field = { name: 'b', type: 'string' };
const rule = (text: string, message?: string): Validation => ({
  ...{ type: 'cel', rule: text },
  ...(message !== undefined && { message }),
});
const classes = (planned: ReturnType<typeof plan>) =>
  planned.changes.map(({ kind, class: of }) => `${kind} ${of}`);

describe('a plan with a backfill', () => {
  it('is breaking where a client that leaves the field out is refused from then on', () => {
    const field: Field = { name: 'c', type: 'string', required: true, backfill: '"x"' };
    expect(classes(plan(spec([a]), spec([a, field])))).toEqual(['addField breaking']);
    const optional = { ...field, required: false };
    expect(classes(plan(spec([a]), spec([a, optional])))).toEqual(['addField online']);
    const filled = { ...field, default: 'y' };
    expect(classes(plan(spec([a]), spec([a, filled])))).toEqual(['addField online']);
  });

  it('goes where no conversion leads', () => {
    const after: Field = { name: 'b', type: 'geopoint' };
    expect(plan(spec([b]), spec([after])).refused).toBeDefined();
    const moved: Field = { name: 'b', type: 'boolean', backfill: 'has(self.b) && self.b == "ja"' };
    const planned = plan(spec([a, b]), spec([a, moved]));
    expect(planned.refused).toBe(undefined);
    expect(planned.steps.map(({ name }) => name)).toContain('verify the backfill of b');
  });

  it('changes nothing where the field stays as it is', () => {
    expect(classes(plan(spec([a]), spec([{ ...a, backfill: '1' }])))).toEqual([]);
  });

  it('is refused where it does not fit the record as it was', () => {
    const field: Field = { name: 'c', type: 'integer', backfill: 'self.a + self.c' };
    expect(plan(spec([a]), spec([a, field])).refused?.message).toContain('self has no field "c"');
  });

  it('is refused for a key that other records refer to', () => {
    const key: Field = { name: 'b', type: 'string', unique: true };
    const narrowed: Field = { ...key, maxLength: 3, backfill: '"x"' };
    const referred = new Map([['b', ['acme.other_v1']]]);
    expect(plan(spec([key]), spec([narrowed]), { referred }).refused?.message).toContain(
      'records of acme.other_v1 refer to it',
    );
  });
});

describe('a plan with validations', () => {
  const positive = spec([a], { validations: [rule('self.a > 0', 'positive')] });

  it('looks for records that break them, adds them NOT VALID and validates them', () => {
    const planned = plan(spec([a]), positive);
    expect(classes(planned)).toEqual(['addRule breaking']);
    const steps = planned.steps.filter(({ mode }) => mode !== 'swap');
    expect(steps.map(({ name }) => name.replace(/rule_\w+/, 'rule'))).toEqual([
      'verify rule',
      'constrain rule',
      'validate rule',
    ]);
    expect(steps[0]?.unfit).toBe('break the validation "positive"');
    expect(steps[1]?.sql).toMatch(/check \(\(\("a" > '0'::bigint\)\) is true\) not valid$/);
    expect(classes(plan(positive, spec([a])))).toEqual(['dropRule safe']);
  });

  it('knows a rule again under other words and names', () => {
    const constraints = new Set(
      plan(spec([a]), positive).steps.flatMap(({ name }) => /rule_\w+/.exec(name) ?? []),
    );
    const reworded = spec([a], { validations: [rule('self.a > 0', 'above 0')] });
    expect(classes(plan(positive, reworded, { constraints }))).toEqual(['changeRules safe']);
    const renamed = spec([{ ...a, name: 'z', renamedFrom: 'a' }], {
      validations: [rule('self.z > 0', 'positive')],
    });
    const planned = plan(positive, renamed, { constraints });
    expect(classes(planned)).toEqual(['renameField breaking']);
    expect(planned.steps.some(({ name }) => name.startsWith('constrain'))).toBe(false);
    expect(planned.steps.find(({ name }) => name === 'rename')?.sql).toMatch(
      /rename constraint "rule_/,
    );
  });

  it('are made up for where an earlier release left them to the API', () => {
    const compared = spec([a, { ...a, name: 'c' }], {
      validations: [{ type: 'compare', left: 'a', operator: 'lte', right: 'c' }],
    });
    const planned = plan(compared, compared);
    expect(planned.changes).toEqual([]);
    expect(planned.class).toBe('online');
    expect(planned.steps.some(({ name }) => name.startsWith('constrain rule_'))).toBe(true);
  });
});
