import fc from 'fast-check';
import type { Condition, FieldCondition } from '../../../src/query/condition.ts';
import type { SortKey } from '../../../src/query/record-query.ts';
import { operatorsOf, valueTypeOf } from '../../../src/query/value-type.ts';
import { thing } from '../../unit/query/schema-fixture.ts';
import type { ThingRow, Value } from './thing-table.ts';

/** Few values of each type, so that conditions match and sort keys tie; the edges are among them. */
const pools: Readonly<Record<string, readonly Value[]>> = {
  code: [],
  title: ['', 'a', 'A', 'ab', "it's", '100%', 'a_b', 'back\\slash', '"; drop table x; --', 'zebra'],
  quantity: ['0', '-1', '7', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
  ratio: [0, -0.5, 0.1, 1e300, 0.30000000000000004],
  amount: ['0.0000', '0.1000', '-2.5000', '9999999999999999.9999', '9999999999999999.9998'],
  approved: [true, false],
  due: ['2024-02-29', '2025-12-31', '2026-01-01'],
  seen_at: [
    '2026-01-01T00:00:00.000001Z',
    '2026-01-01T00:00:00.000002Z',
    '1999-12-31T23:59:59.000000Z',
  ],
  token: ['00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-4fff-8fff-ffffffffffff'],
  attributes: [{ a: 1 }, { a: 1, b: { c: 'x' } }, { b: { c: 'x', d: null } }, { a: "'" }],
  status: ['open', 'held', 'done'],
  position: [
    { lat: 52.5, lon: 13.4 },
    { lat: 48.1, lon: 11.6 },
    { lat: -41.3, lon: 174.8 },
    { lat: 89.9, lon: 0 },
  ],
  tags: [[], ['a'], ['a', 'b'], ["it's", '{}', '"', 'a,b']],
  counts: [[], ['1'], ['1', '2'], ['9223372036854775807', '3']],
  maker: ['ada', 'bob', 'ghost'],
  rank: ['0', '1', '2', '3'],
};

const nullable = (field: string): boolean => thing.fields.get(field)?.required !== true;
const rowFields = Object.keys(pools).filter((field) => field !== 'code');

export const arbitraryRows: fc.Arbitrary<ThingRow[]> = fc
  .array(
    fc.tuple(
      fc.uuid(),
      fc.record(
        Object.fromEntries(
          rowFields.map((field) => {
            const value = fc.constantFrom<Value>(...pools[field]!);
            return [field, nullable(field) ? fc.option(value, { freq: 3 }) : value];
          }),
        ),
      ),
    ),
    { minLength: 60, maxLength: 90 },
  )
  .map((rows) => rows.map(([id, row], index) => ({ ...row, id, code: `c${index}` }) as ThingRow));

export const arbitraryCondition: fc.Arbitrary<Condition> = fc.letrec<{ tree: Condition }>(
  (tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...rowFields).chain(arbitraryTest),
      fc.record({ and: fc.array(tie('tree'), { maxLength: 3 }) }),
      fc.record({ or: fc.array(tie('tree'), { maxLength: 3 }) }),
      fc.record({ not: tie('tree') }),
    ),
  }),
).tree;

function arbitraryTest(field: string): fc.Arbitrary<FieldCondition> {
  const type = valueTypeOf(thing.fields.get(field)!);
  return fc.constantFrom(...operatorsOf[type]).chain((op): fc.Arbitrary<FieldCondition> => {
    const one = fc.constantFrom(...pools[field]!);
    const member = fc.constantFrom<Value>(
      ...(field === 'tags' ? ['a', 'b', '{}'] : ['1', '2', '3']),
    );
    const isList = type === 'text[]' || type === 'integer[]';
    switch (op) {
      case 'is_null':
      case 'is_not_null':
        return fc.constant({ field, op });
      case 'exists':
        return fc.boolean().map((value) => ({ field, op, value }));
      case 'in':
      case 'not_in':
        return fc.array(one, { maxLength: 3 }).map((value) => ({ field, op, value }));
      case 'between':
        return fc.tuple(one, one).map((value) => ({ field, op, value }));
      case 'like':
        return fc
          .constantFrom('%', 'a%', '_b', '%\\%', "%'%", '')
          .map((value) => ({ field, op, value }));
      case 'overlaps':
      case 'contains_all':
        return fc.array(member, { maxLength: 2 }).map((value) => ({ field, op, value }));
      case 'contains':
        return (isList ? member : one).map((value) => ({ field, op, value }));
      case 'within_km':
        return fc
          .tuple(one, fc.constantFrom(0.1, 600, 12_000))
          .map(([at, km]) => ({ field, op, value: { ...(at as Record<string, unknown>), km } }));
      default:
        return one.map((value) => ({ field, op, value }));
    }
  });
}

export const arbitrarySort: fc.Arbitrary<SortKey[]> = fc
  .uniqueArray(fc.constantFrom(...rowFields.filter((field) => thing.fields.get(field)!.sortable)), {
    maxLength: 3,
  })
  .chain((fields) =>
    fc.tuple(
      ...fields.map((field) =>
        fc
          .constantFrom('asc' as const, 'desc' as const)
          .map((direction): SortKey => ({ field, direction, pointer: '' })),
      ),
    ),
  );
