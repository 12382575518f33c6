import { describe, expect, it } from 'vitest';
import type { Field, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
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
  readonly empty?: boolean;
  readonly referred?: ReadonlyMap<string, readonly string[]>;
  readonly referrers?: readonly string[];
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

const title: Field = { name: 'title', type: 'string' };
const kinds = (planned: ReturnType<typeof plan>) => planned.changes.map(({ kind }) => kind);

describe('planSchema', () => {
  it('gives the same plan and hash whatever order members and absent values come in', () => {
    const after: Field = { name: 'title', type: 'string', filterable: true };
    const reordered = { filterable: true, unique: false, type: 'string', name: 'title' } as Field;
    const one = plan(spec([title]), spec([after]));
    expect(plan(spec([title]), spec([reordered])).hash).toBe(one.hash);
    expect(plan(spec([title]), spec([{ ...after, sortable: true }])).hash).not.toBe(one.hash);
  });

  it('does nothing before the swap when only rules of the API change', () => {
    const planned = plan(spec([title]), spec([{ ...title, immutable: true, language: 'german' }]));
    expect(kinds(planned)).toEqual(['changeRules']);
    expect(planned.class).toBe('safe');
    expect(planned.steps.every(({ mode }) => mode === 'swap')).toBe(true);
  });

  it.each<[string, Field, Field, string, string]>([
    [
      'an exact widening',
      { name: 'a', type: 'integer' },
      { name: 'a', type: 'decimal' },
      'changeType',
      'online',
    ],
    [
      'a change that may fail',
      { name: 'a', type: 'string' },
      { name: 'a', type: 'integer' },
      'changeType',
      'breaking',
    ],
    [
      'a longer text',
      { name: 'a', type: 'string', maxLength: 5 },
      { name: 'a', type: 'string', maxLength: 9 },
      'loosenCheck',
      'online',
    ],
    [
      'a shorter text',
      { name: 'a', type: 'string' },
      { name: 'a', type: 'string', maxLength: 9 },
      'tightenCheck',
      'breaking',
    ],
    [
      'a value less',
      { name: 'a', type: 'enum', enumValues: ['x', 'y'] },
      { name: 'a', type: 'enum', enumValues: ['x'] },
      'tightenCheck',
      'breaking',
    ],
    [
      'required',
      { name: 'a', type: 'string' },
      { name: 'a', type: 'string', required: true },
      'requireField',
      'breaking',
    ],
    [
      'not required',
      { name: 'a', type: 'string', required: true },
      { name: 'a', type: 'string' },
      'relaxField',
      'safe',
    ],
    [
      'unique',
      { name: 'a', type: 'string' },
      { name: 'a', type: 'string', unique: true },
      'addUnique',
      'breaking',
    ],
    [
      'sortable',
      { name: 'a', type: 'string' },
      { name: 'a', type: 'string', sortable: true },
      'addIndex',
      'online',
    ],
    [
      'a rename',
      { name: 'b', type: 'string' },
      { name: 'a', type: 'string', renamedFrom: 'b' },
      'renameField',
      'breaking',
    ],
  ])('classes %s', (_what, before, after, kind, expected) => {
    const planned = plan(spec([before]), spec([after]));
    expect(planned.changes.find((change) => change.kind === kind)?.class).toBe(expected);
    expect(planned.class).toBe(expected);
  });

  it.each<[string, Field[], Field[], string]>([
    [
      'a required field without a default',
      [title],
      [title, { name: 'a', type: 'string', required: true }],
      'Give it a default',
    ],
    [
      'a type without a way',
      [title],
      [{ name: 'title', type: 'geopoint' }],
      'Add another field beside it',
    ],
    [
      'one field that becomes two',
      [title],
      [
        { name: 'a', type: 'string', renamedFrom: 'title' },
        { name: 'b', type: 'string', renamedFrom: 'title' },
      ],
      'Rename one after the other',
    ],
  ])('refuses %s and offers the way round', (_what, before, after, offer) => {
    const planned = plan(spec(before), spec(after));
    expect(planned.steps).toEqual([]);
    expect(planned.refused?.message).toContain(offer);
  });

  const a: Field = { name: 'a', type: 'string' };
  const b: Field = { name: 'b', type: 'string' };
  const onto: Field = { ...b, renamedFrom: 'a' };

  it.each<[string, Field[], string]>([
    [
      'a rename onto a field that is there',
      [onto],
      'Drop b or rename it first, then rename a to b',
    ],
    ['a rename that leaves both', [a, onto], 'leave out renamedFrom to keep b as it is'],
    ['a swap', [{ ...a, renamedFrom: 'b' }, onto], 'Rename b to another name first, a third one'],
    ['a chain', [onto, { ...a, name: 'c', renamedFrom: 'b' }], 'Rename b to another name first'],
  ])('refuses %s instead of ignoring it', (_what, after, offer) => {
    const planned = plan(spec([a, b]), spec(after));
    expect(planned.steps).toEqual([]);
    expect(planned.class).toBe('breaking');
    expect(planned.refused?.message).toContain(offer);
  });

  it('remembers a rename that is done, though the old name is given anew', () => {
    expect(kinds(plan(spec([onto]), spec([onto])))).toEqual([]);
    expect(kinds(plan(spec([b]), spec([onto])))).toEqual([]);
    expect(kinds(plan(spec([onto]), spec([onto, a])))).toEqual(['addField']);
    expect(kinds(plan(spec([onto, a]), spec([onto, a])))).toEqual([]);
  });

  it('swaps two fields by a third name, one rename at a time', () => {
    const ways = [
      [a, b],
      [{ ...a, name: 'c', renamedFrom: 'a' }, b],
    ] as Field[][];
    ways.push([
      { ...a, name: 'c', renamedFrom: 'a' },
      { ...a, renamedFrom: 'b' },
    ]);
    ways.push([
      { ...b, renamedFrom: 'c' },
      { ...a, renamedFrom: 'b' },
    ]);
    for (const [n, after] of ways.slice(1).entries()) {
      const planned = plan(spec(ways[n] ?? []), spec(after));
      expect(planned.refused).toBeUndefined();
      expect(kinds(planned)).toEqual(['renameField']);
    }
  });

  it('requires a new field of a table that holds nothing', () => {
    const after = spec([title, { name: 'a', type: 'string', required: true }]);
    expect(plan(spec([title]), after, { empty: true }).refused).toBeUndefined();
  });

  it('keeps what records of other schemas refer to', () => {
    const referred = new Map([['title', ['acme_shop_sales.order_v1']]]);
    const before = spec([{ ...title, unique: true }]);
    for (const fields of [
      [],
      [title],
      [{ ...title, name: 'a', renamedFrom: 'title', unique: true }],
    ]) {
      const planned = plan(before, spec([{ name: 'z', type: 'date' }, ...fields]), { referred });
      expect(planned.refused?.message).toContain('acme_shop_sales.order_v1');
    }
  });

  it('changes a frozen schema in nothing but that it is frozen', () => {
    const frozen = { lifecycle: { frozen: true } } as Partial<SchemaDefinitionSpec>;
    const wider = [title, { name: 'a', type: 'date' } as Field];
    expect(plan(spec([title], frozen), spec(wider, frozen)).refused?.reason).toBe('Frozen');
    expect(plan(spec([title], frozen), spec(wider)).refused).toBeUndefined();
    expect(plan(spec([title]), spec([title], frozen)).refused).toBeUndefined();
    const open = { name: 'open', type: 'boolean' } as Field;
    const closed = { ...open, default: false };
    const kept = plan(spec([title, open], frozen), spec([title, open], frozen));
    expect(kept.refused).toBeUndefined();
    for (const [was, wanted] of [
      [open, closed],
      [closed, open],
    ] as const) {
      const planned = plan(spec([title, was], frozen), spec([title, wanted], frozen));
      expect(planned.refused?.reason).toBe('Frozen');
    }
    const unaudited = { ...frozen, audit: { enabled: false } };
    const audited = plan(spec([title], { ...frozen, audit: {} }), spec([title], unaudited));
    expect(audited.refused?.reason).toBe('Frozen');
  });

  it('knows a default of false or null inside JSON from none', () => {
    const open = (value?: boolean): Field => ({
      ...{ name: 'open', type: 'boolean' },
      ...(value !== undefined && { default: value }),
    });
    const changed = (was: Field, wanted: Field) =>
      plan(spec([was]), spec([wanted])).changes.map(({ summary }) => summary);
    expect(changed(open(), open(false))).toEqual([
      'change the default of open from nothing to false',
    ]);
    expect(changed(open(false), open())).toEqual([
      'change the default of open from false to nothing',
    ]);
    const json = (value: unknown): Field => ({ name: 'data', type: 'json', default: value });
    expect(changed(json({ a: 1 }), json({ a: 1, b: false }))).toHaveLength(1);
    expect(changed(json({ a: 1, b: null }), json({ b: null, a: 1 }))).toEqual([]);
  });

  it('treats names and values that carry SQL as data', () => {
    const value = `'; drop table x; -- $migrate$ \\`;
    const planned = plan(
      spec([title]),
      spec([{ ...title, required: true, default: value, maxLength: 99 }]),
    );
    const trigger = planned.steps.find(({ name }) => name === 'fill in with every write');
    expect(trigger?.sql).toContain(`''''; drop table x`);
  });
});
