import { quoteIdentifier } from '../schema/identifier.ts';
import type { CursorKeys } from './cursor.ts';
import type { Parameters } from './parameters.ts';
import type { PlannedSort } from './plan-record-query.ts';
import { parameterTypes, valueTypeOf } from './value-type.ts';

interface Key {
  readonly column: string;
  readonly ascending: boolean;
  readonly nullable: boolean;
  /** Placeholder of the last record's value; undefined where it had none. */
  readonly last: string | undefined;
}

/** Postgres's own defaults, which an index serves both ways: nulls last upwards, first downwards. */
export function compileOrder(sort: readonly PlannedSort[], alias: string): string {
  return sort
    .map(
      ({ field, direction }) =>
        `${columnOf(field.name, alias)}${direction === 'desc' ? ' desc' : ''}`,
    )
    .join(', ');
}

/**
 * The records that come after the one with the keys `after`: one condition, or two of which the
 * second's records all come after the first's. They are two where the page may begin among values
 * and end among nulls or the other way round; each is then a range of an index, which their `or`
 * is not: the 21st page of 50 read 1,057 blocks so, and reads 58 of two ranges.
 */
export function compileKeyset(
  sort: readonly PlannedSort[],
  after: CursorKeys,
  alias: string,
  parameters: Parameters,
): readonly string[] {
  const [first, ...rest] = sort.map(({ field, direction, nullable }, index): Key => {
    const value = after[index] ?? null;
    return {
      column: columnOf(field.name, alias),
      ascending: direction === 'asc',
      nullable,
      last: value === null ? undefined : parameters.add(value, parameterTypes[valueTypeOf(field)]),
    };
  });
  if (first === undefined) return ['true'];
  if (first.last === undefined) {
    const nulls = `${first.column} is null and ${range(rest)}`;
    return first.ascending ? [nulls] : [nulls, `${first.column} is not null`];
  }
  const values = range([{ ...first, nullable: first.nullable && !first.ascending }, ...rest]);
  return nullsFollow(first) ? [values, `${first.column} is null`] : [values];
}

/**
 * Where all keys run the same way and no null can follow, one row comparison, an index condition
 * on the composite index; otherwise the lexicographic order spelt out, with the first key's bound
 * repeated in front so that an index on it still skips what was read.
 */
function range(keys: readonly Key[]): string {
  const [first] = keys;
  if (first === undefined) return 'false';
  const alike = keys.every(({ ascending }) => ascending === first.ascending);
  if (alike && keys.every((key) => key.last !== undefined && !nullsFollow(key))) {
    const columns = keys.map(({ column }) => column).join(', ');
    const values = keys.map(({ last }) => last).join(', ');
    return `(${columns}) ${first.ascending ? '>' : '<'} (${values})`;
  }
  const spelt = follows(keys);
  if (first.last === undefined || nullsFollow(first)) return spelt;
  return `(${first.column} ${first.ascending ? '>=' : '<='} ${first.last} and ${spelt})`;
}

function nullsFollow({ ascending, nullable }: Key): boolean {
  return ascending && nullable;
}

function follows([key, ...rest]: readonly Key[]): string {
  if (key === undefined) return 'false';
  const strictly = followsStrictly(key);
  const equal = key.last === undefined ? `${key.column} is null` : `${key.column} = ${key.last}`;
  const beyond = rest.length === 0 ? undefined : `(${equal} and ${follows(rest)})`;
  const either = [strictly, beyond].filter((part) => part !== undefined);
  if (either.length === 0) return 'false';
  return either.length === 1 ? either[0]! : `(${either.join(' or ')})`;
}

function followsStrictly(key: Key): string | undefined {
  if (key.last === undefined) return key.ascending ? undefined : `${key.column} is not null`;
  const beyond = `${key.column} ${key.ascending ? '>' : '<'} ${key.last}`;
  return nullsFollow(key) ? `(${beyond} or ${key.column} is null)` : beyond;
}

function columnOf(name: string, alias: string): string {
  return `${quoteIdentifier(alias)}.${quoteIdentifier(name)}`;
}
