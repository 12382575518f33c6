import type { Problem } from '../errors.ts';
import { joinPointer } from './pointer.ts';

const aggregateFunctions = ['count', 'sum', 'avg', 'min', 'max'] as const;
export type AggregateFunction = (typeof aggregateFunctions)[number];

export interface Aggregate {
  readonly fn: AggregateFunction;
  /** Only `count` goes without: it then counts records, not values. */
  readonly field?: string;
  readonly as: string;
  readonly pointer: string;
}

/** Records gathered by the values of `by`; without any, all of them are one group. */
export interface Grouping {
  readonly by: readonly { readonly name: string; readonly pointer: string }[];
  readonly aggregates: readonly Aggregate[];
}

const groupByMax = 8;
const aggregatesMax = 20;
const aggregateMembers = ['fn', 'field', 'as'];
const aliasPattern = /^[a-z][a-z0-9_]{0,62}$/;

/** `groupBy` and `aggregate` of a query body; undefined where neither is given. */
export function parseGrouping(
  groupBy: unknown,
  aggregate: unknown,
  problems: Problem[],
): Grouping | undefined {
  if (groupBy === undefined && aggregate === undefined) return undefined;
  const by = parseGroupBy(groupBy ?? [], problems);
  const aggregates = parseAggregates(aggregate ?? [], problems);
  if (by.length + aggregates.length === 0) {
    problems.push({
      pointer: '/groupBy',
      rule: 'minItems',
      message: 'groups need a field or an aggregate',
    });
  }
  const taken = new Set(by.map(({ name }) => name));
  for (const { as, pointer } of aggregates) {
    if (taken.has(as)) {
      problems.push({
        pointer: `${pointer}/as`,
        rule: 'unique',
        message: `"${as}" is given to two columns of the answer`,
      });
    }
    taken.add(as);
  }
  return { by, aggregates };
}

function parseGroupBy(value: unknown, problems: Problem[]): Grouping['by'] {
  if (!Array.isArray(value) || value.length > groupByMax) {
    problems.push({
      pointer: '/groupBy',
      rule: 'type',
      message: `"groupBy" must be a list of at most ${groupByMax} fields`,
    });
    return [];
  }
  const by = new Map<string, Grouping['by'][number]>();
  value.forEach((name: unknown, index) => {
    const pointer = joinPointer('/groupBy', index);
    if (typeof name === 'string' && name !== '') by.set(name, { name, pointer });
    else problems.push({ pointer, rule: 'type', message: 'must be the name of a field' });
  });
  return [...by.values()];
}

function parseAggregates(value: unknown, problems: Problem[]): Aggregate[] {
  if (!Array.isArray(value) || value.length > aggregatesMax) {
    problems.push({
      pointer: '/aggregate',
      rule: 'type',
      message: `"aggregate" must be a list of at most ${aggregatesMax} {fn, field, as}`,
    });
    return [];
  }
  return value.flatMap((item: unknown, index) => {
    const aggregate = parseAggregate(item, joinPointer('/aggregate', index), problems);
    return aggregate === undefined ? [] : [aggregate];
  });
}

function parseAggregate(
  item: unknown,
  pointer: string,
  problems: Problem[],
): Aggregate | undefined {
  const refuse = (at: string, rule: string, message: string): undefined => {
    problems.push({ pointer: at, rule, message });
    return undefined;
  };
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return refuse(pointer, 'type', 'must be {fn, field, as}');
  }
  for (const name of Object.keys(item)) {
    if (!aggregateMembers.includes(name)) {
      refuse(joinPointer(pointer, name), 'unknown', `"${name}" is unknown here`);
    }
  }
  const { fn, field, as } = item as { fn?: unknown; field?: unknown; as?: unknown };
  const known = aggregateFunctions.find((name) => name === fn);
  if (known === undefined) {
    return refuse(`${pointer}/fn`, 'enum', `must be one of ${aggregateFunctions.join(', ')}`);
  }
  if (field === undefined ? known !== 'count' : typeof field !== 'string' || field === '') {
    return refuse(`${pointer}/field`, 'type', `"${known}" wants the name of a field`);
  }
  const alias = as ?? (field === undefined ? known : `${known}_${String(field)}`);
  if (typeof alias !== 'string' || !aliasPattern.test(alias)) {
    return refuse(
      `${pointer}/as`,
      'pattern',
      'must begin with a lower-case letter and hold only a-z, 0-9 and _',
    );
  }
  return { fn: known, ...(typeof field === 'string' ? { field } : {}), as: alias, pointer };
}
