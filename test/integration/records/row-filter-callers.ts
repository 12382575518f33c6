import fc from 'fast-check';
import type { Grant } from '../../../src/contract/identity.ts';
import type { ThingRow } from '../query/thing-table.ts';

/** Row filters of every kind, what each lets through in plain words, and callers who hold some. */

export type Row = Readonly<Record<string, unknown>>;
type Sees = (row: Row, attribute: (name: string) => readonly unknown[]) => boolean;

const given = (value: unknown): boolean => value !== null && value !== undefined;
const attributed = (op: string, field: string, attribute = field) => ({
  ...{ field, op, value: `{{identity.attributes.${attribute}}}` },
});

/** Roles of `thing`: the filters that the schema declares, and in plain words what they let through. */
export const roles: readonly { role: string; filters: readonly object[]; sees: Sees }[] = [
  { role: 'everybody', filters: [], sees: () => true },
  {
    role: 'by-status',
    filters: [attributed('eq', 'status')],
    sees: (row, attribute) => attribute('status').includes(row['status']),
  },
  {
    role: 'not-status',
    filters: [attributed('not_in', 'status')],
    sees: (row, attribute) =>
      attribute('status').length > 0 &&
      given(row['status']) &&
      !attribute('status').includes(row['status']),
  },
  {
    role: 'ranked',
    filters: [attributed('gte', 'rank'), { field: 'approved', op: 'eq', value: true }],
    sees: (row, attribute) =>
      row['approved'] === true &&
      attribute('rank').some((rank) => Number(row['rank']) >= Number(rank)),
  },
  {
    role: 'titled',
    filters: [{ field: 'title', op: 'like', value: 'a%' }],
    sees: (row) => given(row['title']) && String(row['title']).startsWith('a'),
  },
  {
    role: 'undue',
    filters: [{ field: 'due', op: 'is_null', value: true }],
    sees: (row) => !given(row['due']),
  },
  {
    role: 'tagged',
    filters: [{ field: 'tags', op: 'overlaps', value: ['a', '{}'] }],
    sees: (row) => ((row['tags'] ?? []) as string[]).some((tag) => tag === 'a' || tag === '{}'),
  },
  {
    role: 'between',
    filters: [{ field: 'due', op: 'between', value: ['2025-01-01', '2025-12-31'] }],
    sees: (row) => given(row['due']) && String(row['due']).startsWith('2025'),
  },
];
export const makerRoles: typeof roles = [
  { role: 'everybody', filters: [], sees: () => true },
  {
    role: 'by-region',
    filters: [attributed('in', 'region')],
    sees: (row, attribute) => attribute('region').includes(row['region']),
  },
];

const attributeSets: readonly Grant['attributes'][] = [
  {},
  { status: 'open', region: 'north', rank: '2' },
  { status: ['open', 'held'], region: ['north', 'south'], rank: 1 },
  { status: null, region: [], rank: null },
  { status: "x' or true --", region: '%' },
];

const arbitraryGrants = (of: typeof roles): fc.Arbitrary<Grant[]> =>
  fc.array(
    fc.record({
      role: fc.constantFrom(...of.map(({ role }) => role), 'no-such-role'),
      attributes: fc.constantFrom(...attributeSets),
    }),
    { maxLength: 3 },
  );
// A role that sees all makes for a dull test: most callers hold filtered ones.
export const arbitraryCaller = fc.record({
  thing: fc.oneof(
    { weight: 5, arbitrary: arbitraryGrants(roles.slice(1)) },
    { weight: 1, arbitrary: arbitraryGrants(roles) },
  ),
  maker: fc.oneof(
    { weight: 3, arbitrary: arbitraryGrants(makerRoles.slice(1)) },
    { weight: 1, arbitrary: arbitraryGrants(makerRoles) },
  ),
});
export type Caller = { readonly thing: readonly Grant[]; readonly maker: readonly Grant[] };

export function idsSeen(
  of: typeof roles,
  rows: readonly ThingRow[],
  grants: readonly Grant[],
): string[] {
  const isVisible = (row: Row): boolean =>
    grants.some(({ role }) => {
      const rule = of.find((one) => one.role === role);
      const attribute = (name: string): unknown[] =>
        grants
          .filter((grant) => grant.role === role)
          .flatMap((grant) => grant.attributes[name] ?? []);
      // A role that the schema gives no filter to sees everything, known here or not.
      return rule === undefined || rule.sees(row, attribute);
    });
  return rows.filter(isVisible).map(({ id }) => id);
}
