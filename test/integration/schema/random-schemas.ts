import fc from 'fast-check';

/** A field before and after, and what becomes of a value on the way. */
export interface FieldFate {
  readonly before: Record<string, unknown> | undefined;
  readonly after: Record<string, unknown> | undefined;
  /** Values that records hold before. */
  readonly values: fc.Arbitrary<unknown>;
  /**
   * The reference model: what a value that was there says afterwards, as JSON of the column; `anchor`
   * and `id` are of its record.
   */
  readonly becomes: (value: unknown, anchor: number, id: string) => unknown;
}

/** `refer` leads to the codes of a table that has `a` and `b`. */
type Make = (name: string, refer: Refer) => fc.Arbitrary<FieldFate>;
type Refer = (over: object) => object;

const decimal = (precision: number, scale: number) => ({ type: 'decimal', precision, scale });

const nullable = (values: fc.Arbitrary<unknown>) => fc.option(values, { nil: null, freq: 4 });
const flags = fc.record({ filterable: fc.boolean(), sortable: fc.boolean() });
const integers = fc.integer({ min: -50_000, max: 50_000 });
const same = (value: unknown): unknown => value;
const unlessNull = (convert: (value: never) => unknown) => (value: unknown) =>
  value === null ? null : convert(value as never);

/** From a type to another: the values that fit, and what they become. */
const moves: readonly [object, object, fc.Arbitrary<unknown>, (value: never) => unknown][] = [
  [{ type: 'integer' }, { type: 'string' }, integers, String],
  [{ type: 'integer' }, { type: 'decimal' }, integers, same],
  [{ type: 'integer' }, { type: 'decimal', precision: 12, scale: 0 }, integers, same],
  [{ type: 'integer' }, { type: 'number' }, integers, same],
  [{ type: 'number' }, { type: 'integer' }, integers, same],
  [{ type: 'string' }, { type: 'integer' }, integers.map(String), Number],
  [{ type: 'string' }, { type: 'boolean' }, fc.constantFrom('true', 'false'), (v) => v === 'true'],
  [{ type: 'boolean' }, { type: 'string' }, fc.boolean(), String],
  [{ type: 'string' }, { type: 'enum', enumValues: ['a', 'b'] }, fc.constantFrom('a', 'b'), same],
  [{ type: 'enum', enumValues: ['a', 'b'] }, { type: 'string' }, fc.constantFrom('a', 'b'), same],
  [
    { type: 'enum', enumValues: ['a', 'b', 'c'] },
    { type: 'enum', enumValues: ['b', 'a', 'd'] },
    fc.constantFrom('a', 'b'),
    same,
  ],
  [{ type: 'string' }, { type: 'date' }, fc.constantFrom('2024-02-29', '1999-12-31'), same],
  [{ type: 'date' }, { type: 'string' }, fc.constantFrom('2024-02-29', '1999-12-31'), same],
  [
    { type: 'date' },
    { type: 'datetime' },
    fc.constantFrom('2024-02-29'),
    (v) => `${v}T00:00:00+00:00`,
  ],
  [{ type: 'datetime' }, { type: 'date' }, fc.constant('2024-02-29T00:00:00Z'), () => '2024-02-29'],
  [
    { type: 'string' },
    { type: 'datetime' },
    fc.constant('2024-02-29T12:30:00.5Z'),
    () => '2024-02-29T12:30:00.5+00:00',
  ],
  [
    { type: 'datetime' },
    { type: 'string' },
    fc.constantFrom('2024-02-29T12:30:00.5+00:00', '2024-02-29T10:00:00+00:00'),
    (v: string) => v.replace('+00:00', 'Z'),
  ],
  [{ type: 'string' }, { type: 'uuid' }, fc.uuid(), same],
  [{ type: 'uuid' }, { type: 'string' }, fc.uuid(), same],
  [{ type: 'decimal' }, { type: 'integer' }, integers, same],
  [{ type: 'decimal' }, { type: 'number' }, integers, same],
  [{ type: 'decimal' }, { type: 'string' }, integers, String],
  [{ type: 'number' }, { type: 'decimal' }, integers, same],
  [{ type: 'number' }, { type: 'string' }, integers, String],
  [{ type: 'string' }, { type: 'number' }, integers.map(String), Number],
  [{ type: 'string' }, { type: 'decimal' }, integers.map(String), Number],
  [decimal(12, 2), decimal(14, 3), integers, same],
  [decimal(12, 2), decimal(8, 0), integers, same],
  [decimal(12, 2), { type: 'decimal' }, integers, same],
  [{ type: 'string' }, { type: 'string', maxLength: 5 }, fc.string({ maxLength: 2 }), same],
  // What the API alone keeps: nothing of it moves a value.
  [
    { type: 'string', pattern: '^.*$', immutable: true },
    { type: 'string', searchable: true, language: 'german', ftsWeight: 'B' },
    fc.string(),
    same,
  ],
  [
    { type: 'string', searchable: true },
    { type: 'string', access: { read: ['reader'], write: ['reader'] }, sensitivity: 'pii' },
    fc.string(),
    same,
  ],
  [{ type: 'string', default: 'a' }, { type: 'string', default: 'b' }, fc.string(), same],
  [{ type: 'string', default: 'a' }, { type: 'string' }, fc.string(), same],
  [{ type: 'string', indexed: true }, { type: 'string' }, fc.string(), same],
];

/** Values at the edge of a type, and what becomes of each there; undefined: it does not survive. */
type Edges = readonly (readonly [unknown, unknown])[];

/** From a type to another, with the backfill of what does not survive, as CEL and as JSON. */
const edges: readonly [object, object, string, unknown, Edges][] = [
  [
    { type: 'string' },
    { type: 'integer' },
    ...(['5', 5] as const),
    [
      ['9007199254740991', 9007199254740991],
      ['00123', undefined],
      ['-0', undefined],
      ['1e3', undefined],
      ['9223372036854775808', undefined],
    ],
  ],
  [
    { type: 'string' },
    { type: 'number' },
    ...(['0.5', 0.5] as const),
    [
      ['9007199254740993', undefined],
      ['0.12345678901234567890123', undefined],
      ['0.30000000000000004', 0.1 + 0.2],
      ['007', undefined],
      ['1e400', undefined],
      ['1e-400', undefined],
    ],
  ],
  [
    { type: 'number' },
    { type: 'decimal', precision: 20, scale: 2 },
    ...(['0.5', 0.5] as const),
    [
      [9007199254740991, 9007199254740991],
      [0.1 + 0.2, undefined],
      [0.25, 0.25],
      [1e20, undefined],
    ],
  ],
  [
    { type: 'string' },
    { type: 'datetime' },
    ...(['timestamp("2000-01-01T00:00:00Z")', '2000-01-01T00:00:00+00:00'] as const),
    [
      ['2024-02-29T12:00:00.123456Z', '2024-02-29T12:00:00.123456+00:00'],
      ['2024-02-29T12:00:00.123456789Z', undefined],
      ['2024-02-29T23:59:59.9999999Z', undefined],
      ['2024-02-29T24:00:00Z', undefined],
      ['2016-12-31T23:59:60Z', undefined],
    ],
  ],
];

const fates: readonly Make[] = [
  // Is of another type, and its values are at the edge of it.
  (name) =>
    fc.constantFrom(...edges).map(([from, to, backfill, otherwise, cases]) => ({
      before: { name, ...from },
      after: { name, ...to, backfill },
      values: nullable(fc.constantFrom(...cases.map(([value]) => value))),
      becomes: unlessNull((value) => cases.find(([one]) => one === value)?.[1] ?? otherwise),
    })),
  // Keeps its meaning, perhaps under another name, type, limits and indexes.
  (name) =>
    fc
      .record({ move: fc.constantFrom(...moves), was: flags, is: flags, renamed: fc.boolean() })
      .map(({ move: [from, to, values, becomes], was, is, renamed }) => ({
        before: { name, ...from, ...was },
        after: { name: renamed ? `${name}x` : name, ...to, ...is, renamedFrom: name },
        values: nullable(values.map(clean)),
        becomes: unlessNull(becomes),
      })),
  // Is required from now on, with a default.
  (name) =>
    fc.record({ was: flags, is: flags }).map(({ was, is }) => ({
      before: { name, type: 'integer', ...was },
      after: { name, type: 'integer', required: true, default: 7, ...is },
      values: nullable(integers),
      becomes: (value) => value ?? 7,
    })),
  // Is new.
  (name) =>
    fc.record({ required: fc.boolean(), is: flags }).map(({ required, is }) => ({
      before: undefined,
      after: { name, type: 'string', ...is, ...(required && { required, default: "it's" }) },
      values: fc.constant(undefined),
      becomes: () => (required ? "it's" : null),
    })),
  // Is required from now on, and says what records without a value get.
  (name) =>
    fc.record({ was: flags, is: flags }).map(({ was, is }) => ({
      before: { name, type: 'integer', ...was },
      after: { name, type: 'integer', required: true, backfill: 'self.anchor * 2', ...is },
      values: nullable(integers),
      becomes: (value, anchor) => value ?? anchor * 2,
    })),
  // Is narrowed, by limits or by type: what does not fit any more gets another value.
  (name) =>
    fc
      .record({
        to: fc.constantFrom<[object, (value: never) => boolean, unknown, unknown]>(
          [{ type: 'string', maxLength: 3 }, (v: string) => [...v].length <= 3, '"-"', '-'],
          [{ type: 'enum', enumValues: ['a', 'b'] }, (v) => v === 'a' || v === 'b', '"b"', 'b'],
          [{ type: 'uuid' }, () => false, 'self.id', undefined],
        ),
        renamed: fc.boolean(),
      })
      .map(({ to: [to, fits, backfill, otherwise], renamed }) => ({
        before: { name, type: 'string' },
        after: { name: renamed ? `${name}x` : name, ...to, renamedFrom: name, backfill },
        values: nullable(fc.oneof(fc.constantFrom('a', 'b'), fc.string()).map(clean)),
        becomes: (value, _anchor, id) =>
          value === null || fits(value as never) ? value : (otherwise ?? id),
      })),
  // Is new, and computed.
  (name) =>
    fc.record({ required: fc.boolean(), is: flags }).map(({ required, is }) => ({
      before: undefined,
      after: {
        ...{ name, type: 'string', required, default: 'fresh', ...is },
        backfill: 'self.anchor % 2 == 0 ? "even" : "odd" + string(self.anchor)',
      },
      values: fc.constant(undefined),
      becomes: (_, anchor) => (anchor % 2 === 0 ? 'even' : `odd${anchor}`),
    })),
  // Need not be there any more, whatever it said so far.
  (name) =>
    fc.record({ was: flags, is: flags }).map(({ was, is }) => ({
      before: { name, type: 'integer', required: true, default: 7, ...was },
      after: { name, type: 'integer', ...is },
      values: integers,
      becomes: same,
    })),
  // Is unique from now on, or no longer, and by its new name where it gets one.
  (name) =>
    fc
      .record({ was: fc.boolean(), is: fc.boolean(), renamed: fc.boolean() })
      .map(({ was, is, renamed }) => ({
        before: { name, type: 'uuid', unique: was },
        after: { name: renamed ? `${name}x` : name, type: 'string', unique: is, renamedFrom: name },
        values: nullable(fc.uuid()),
        becomes: same,
      })),
  // Refers to another table from now on, or no longer, or does otherwise on its delete.
  (name, refer) =>
    fc
      .tuple(fc.constantFrom('none', 'restrict', 'setNull'), fc.constantFrom('none', 'cascade'))
      .map(([was, is]) => {
        const field = (onDelete: string) =>
          onDelete === 'none'
            ? { name, type: 'string' }
            : { name, type: 'ref', ref: refer({ key: 'code', onDelete }) };
        return {
          ...{ before: field(was), after: field(is) },
          values: nullable(fc.constantFrom('a', 'b')),
          becomes: same,
        };
      }),
  // Of a type that nothing else becomes, under another name and with another default.
  (name) =>
    fc
      .constantFrom<[string, unknown, fc.Arbitrary<unknown>]>(
        ['json', { deep: ["it's"] }, fc.constantFrom({ a: [1, null] }, ['x'], 7)],
        ['string[]', ['a'], fc.array(fc.constantFrom('a', '"', ','))],
        ['integer[]', [1], fc.array(integers)],
      )
      .map(([type, otherwise, values]) => ({
        before: { name, type },
        after: { name: `${name}x`, type, renamedFrom: name, default: otherwise },
        values: nullable(values),
        becomes: same,
      })),
  // Goes.
  (name) =>
    flags.map((was) => ({
      before: { name, type: 'number', ...was },
      after: undefined,
      values: nullable(integers),
      becomes: same,
    })),
];

/** What JSON and Postgres both can hold. */
function clean(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value;
}

/** Between one and five fields and their fates. */
export function schemaPairs(refer: Refer): fc.Arbitrary<FieldFate[]> {
  return fc
    .array(fc.constantFrom(...fates), { minLength: 1, maxLength: 5 })
    .chain((made) => fc.tuple(...made.map((make, n) => make(`f${n}`, refer))));
}

const anchorRules = [
  'self.anchor >= 0',
  'self.anchor * 2 != 17 && string(self.anchor).matches("^[0-9]+$")',
] as const;
const anchorIndexes = [
  { fields: [{ name: 'anchor' }], unique: true, where: 'self.anchor > 1' },
  { fields: [{ name: 'anchor' }], where: 'self.deleted_at == null && self.anchor in [1, 2]' },
] as const;

const anchorFilter = { role: 'auditor', filter: { field: 'anchor', op: 'gte', value: 3 } };

/** Rules and partial indexes over fields that every schema has. */
export const schemaParts = fc
  .record({
    rules: fc.subarray([...anchorRules]),
    indexes: fc.subarray([...anchorIndexes]),
    compared: fc.boolean(),
    filtered: fc.boolean(),
    audited: fc.boolean(),
  })
  .map(({ rules, indexes, compared, filtered, audited }) => ({
    indexes,
    audit: { enabled: audited },
    access: {
      roles: [
        { role: 'reader', operations: ['read'] },
        { role: 'auditor', operations: ['read'] },
      ],
      ...(filtered && { rowFilter: [anchorFilter] }),
    },
    validations: [
      ...rules.map((rule) => ({ type: 'cel', rule })),
      ...(compared ? [{ type: 'compare', left: 'anchor', operator: 'lte', right: 'roof' }] : []),
    ],
  }));

export type SchemaParts = typeof schemaParts extends fc.Arbitrary<infer Parts> ? Parts : never;
