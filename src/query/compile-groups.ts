import { quoteIdentifier } from '../schema/identifier.ts';
import { compileFilter, tableOf } from './compile-filter.ts';
import type { Parameters } from './parameters.ts';
import type { AggregatePlan, GroupingPlan } from './plan-grouping.ts';
import type { RecordPlan } from './plan-record-query.ts';
import { projectField, projectInteger } from './projection.ts';
import { valueTypeOf } from './value-type.ts';

/** Groups as rows of a sub-select: one more than the page holds, in a stable order. */
export function compileGroups(
  plan: RecordPlan,
  grouping: GroupingPlan,
  parameters: Parameters,
): string {
  const { by, aggregates, sort } = grouping;
  const shown = new Map<string, string>();
  const compared = new Map<string, string>();
  for (const field of by) {
    const column = columnOf(field.name);
    shown.set(field.name, projectField(field, column));
    compared.set(field.name, column);
  }
  for (const aggregate of aggregates) {
    const value = gather(aggregate);
    shown.set(aggregate.as, projectAggregate(aggregate, value));
    compared.set(aggregate.as, value);
  }
  const selected = [...shown].map(([name, value]) => `${value} as ${quoteIdentifier(name)}`);
  const order = sort.map(
    ({ column, direction }) => `${compared.get(column)}${direction === 'desc' ? ' desc' : ''}`,
  );
  return [
    `select ${selected.join(', ')} from ${tableOf(plan.schema)} t`,
    `where ${compileFilter(plan, 't', parameters)}`,
    by.length === 0 ? '' : `group by ${by.map(({ name }) => columnOf(name)).join(', ')}`,
    order.length === 0 ? '' : `order by ${order.join(', ')}`,
    `limit ${plan.limit + 1}`,
    plan.offset ? `offset ${plan.offset}` : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function gather({ fn, field }: AggregatePlan): string {
  return field === undefined ? `${fn}(*)` : `${fn}(${columnOf(field.name)})`;
}

/** Whole sums may pass 2^53 and are written as integers are; means of integers are numbers. */
function projectAggregate({ fn, field }: AggregatePlan, value: string): string {
  if (fn === 'count' || field === undefined) return value;
  if (fn === 'min' || fn === 'max') return projectField(field, value);
  const type = valueTypeOf(field);
  if (type === 'decimal') return `${value}::text`;
  return fn === 'sum' && type === 'integer' ? projectInteger(value) : `${value}::double precision`;
}

function columnOf(name: string): string {
  return `t.${quoteIdentifier(name)}`;
}
