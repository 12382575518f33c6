import type { CompiledField } from '../schema/compile.ts';
import type { Aggregate, AggregateFunction, Grouping } from './parse-grouping.ts';
import type { PlanProblem, Scope } from './plan-problem.ts';
import { findReadable, isFilterable, isProblem, notFilterable } from './plan-problem.ts';
import type { Direction, RecordQuery, SortKey } from './record-query.ts';
import type { ValueType } from './value-type.ts';
import { valueTypeOf } from './value-type.ts';

export interface AggregatePlan {
  readonly fn: AggregateFunction;
  readonly field: CompiledField | undefined;
  readonly as: string;
}

export interface GroupingPlan {
  readonly by: readonly CompiledField[];
  readonly aggregates: readonly AggregatePlan[];
  /** By names of the answer's columns. */
  readonly sort: readonly { readonly column: string; readonly direction: Direction }[];
}

const numeric: readonly ValueType[] = ['integer', 'number', 'decimal'];
const ordered: readonly ValueType[] = [...numeric, 'text', 'enum', 'date', 'datetime'];
const scalar: readonly ValueType[] = [...ordered, 'boolean', 'uuid'];

/** Types that a function can gather. `count` counts the records that have a value, of any type. */
const gathered: Readonly<Record<AggregateFunction, readonly ValueType[] | undefined>> = {
  count: undefined,
  sum: numeric,
  avg: numeric,
  min: ordered,
  max: ordered,
};

export function planGrouping(
  scope: Scope,
  query: RecordQuery,
  problems: PlanProblem[],
): GroupingPlan {
  const { by, aggregates } = query.grouping as Grouping;
  refuseOtherMembers(query, problems);
  return {
    by: by.flatMap(({ name, pointer }) => {
      const field = findReadable(scope, name, pointer);
      if (isProblem(field) || !isFilterable(field, scope.access)) {
        problems.push(isProblem(field) ? field : notFilterable(scope, name, pointer));
        return [];
      }
      if (scalar.includes(valueTypeOf(field))) return [field];
      problems.push(
        unfit(pointer, `"${name}" is of type ${field.type}, which cannot be grouped by`),
      );
      return [];
    }),
    aggregates: aggregates.flatMap((aggregate) => {
      const planned = planAggregate(scope, aggregate, problems);
      return planned === undefined ? [] : [planned];
    }),
    sort: [],
  };
}

/** Groups are sorted by columns of the answer, and then by what they are grouped by. */
export function planGroupSort(
  grouping: GroupingPlan,
  keys: readonly SortKey[],
  problems: PlanProblem[],
): GroupingPlan {
  const by = grouping.by.map(({ name }) => name);
  const columns = [...by, ...grouping.aggregates.map(({ as }) => as)];
  const sort = keys.map(({ field, direction, pointer }) => {
    if (!columns.includes(field)) {
      problems.push({
        ...unfit(pointer, `groups have no column ${JSON.stringify(field)} to sort by`),
        hint: `Columns: ${columns.join(', ')}.`,
      });
    }
    return { column: field, direction };
  });
  const rest = by.filter((name) => !sort.some(({ column }) => column === name));
  return {
    ...grouping,
    sort: [...sort, ...rest.map((column) => ({ column, direction: 'asc' as const }))],
  };
}

function planAggregate(
  scope: Scope,
  { fn, field: name, as, pointer }: Aggregate,
  problems: PlanProblem[],
): AggregatePlan | undefined {
  if (name === undefined) return { fn, field: undefined, as };
  const field = findReadable(scope, name, `${pointer}/field`);
  if (isProblem(field)) {
    problems.push(field);
    return undefined;
  }
  // Anything gathered of masked values tells of them, were it how many there are.
  if (scope.access.masks.has(name)) {
    problems.push(notFilterable(scope, name, `${pointer}/field`));
    return undefined;
  }
  const types = gathered[fn];
  if (types === undefined || types.includes(valueTypeOf(field))) return { fn, field, as };
  problems.push(unfit(`${pointer}/fn`, `"${name}" is of type ${field.type}, which has no ${fn}`));
  return undefined;
}

function refuseOtherMembers(query: RecordQuery, problems: PlanProblem[]): void {
  const given = {
    select: query.select !== undefined,
    include: query.include.length > 0,
    cursor: query.cursor !== undefined,
    count: query.count !== 'none',
  };
  for (const [member, isGiven] of Object.entries(given)) {
    if (isGiven) problems.push(unfit(`/${member}`, `"${member}" does not go with groups`));
  }
}

function unfit(pointer: string, message: string): PlanProblem {
  return { code: 'VALIDATION_ERROR', pointer, rule: 'grouping', message };
}
