import { quoteIdentifier } from '../schema/identifier.ts';
import { compileFilter, tableOf } from './compile-filter.ts';
import type { Parameters } from './parameters.ts';
import type { IncludePlan } from './plan-include.ts';
import { projectColumns, toRecord } from './projection.ts';

export interface CompiledIncludes {
  /** Left joins, to follow the table `alias` in a from clause. */
  readonly joins: string;
  /** The expression of the referred-to record, by the reference's name. */
  readonly records: ReadonlyMap<string, string>;
}

/**
 * References as plain left joins: their keys are unique, so no row is multiplied, and the planner
 * is free to remember a target that many records share. What the caller may not see is null.
 */
export function compileIncludes(
  includes: readonly IncludePlan[],
  alias: string,
  parameters: Parameters,
): CompiledIncludes {
  const joins: string[] = [];
  const records = new Map<string, string>();
  includes.forEach((include, index) => {
    const own = `${alias}_${index}`;
    const inner = compileIncludes(include.includes, own, parameters);
    const { target, fields, masks, key, field, rowFilter, policies } = include;
    const conditions = [
      `${quoteIdentifier(own)}.${quoteIdentifier(key)} = ${quoteIdentifier(alias)}.${quoteIdentifier(field.name)}`,
      compileFilter({ rowFilter, policies }, own, parameters),
    ];
    joins.push(`left join ${tableOf(target)} ${own} on ${conditions.join(' and ')}`, inner.joins);
    const columns = projectColumns({ schema: target, fields, masks }, own, inner.records);
    records.set(
      field.name,
      `case when ${quoteIdentifier(own)}."id" is not null ` + `then ${toRecord(columns)} end`,
    );
  });
  return { joins: joins.filter((join) => join !== '').join(' '), records };
}
