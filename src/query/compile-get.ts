import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { CallerAt } from './caller-value.ts';
import { withCaller } from './caller-value.ts';
import { compileFilter, tableOf } from './compile-filter.ts';
import { compileIncludes } from './compile-include.ts';
import { recordPolicies } from './compile-policy.ts';
import type { CompiledStatement } from './compiled-statement.ts';
import { nameStatement } from './compiled-statement.ts';
import type { Masks } from './mask.ts';
import { Parameters } from './parameters.ts';
import type { PlannedCondition } from './plan-condition.ts';
import { planRowFilter } from './plan-condition.ts';
import type { IncludePlan, Schemas } from './plan-include.ts';
import { planIncludes } from './plan-include.ts';
import type { PlanProblem } from './plan-problem.ts';
import { refuseProblems } from './plan-problem.ts';
import { planSelection } from './plan-record-query.ts';
import { projectColumns, recordAlias } from './projection.ts';
import type { ReadAccess } from './read-access.ts';
import type { RecordQuery } from './record-query.ts';

export interface GetPlan {
  readonly schema: CompiledSchema;
  readonly fields: readonly CompiledField[];
  readonly masks: Masks;
  readonly rowFilter: PlannedCondition | undefined;
  readonly policies: readonly CompiledPolicy[];
  readonly includes: readonly IncludePlan[];
}

export interface GetInput extends Schemas {
  readonly schema: CompiledSchema;
  readonly access: ReadAccess;
  readonly query: Pick<RecordQuery, 'select' | 'include'>;
}

/** What a caller sees of one record; throws a VelocityError with every problem, as lists do. */
export function planGet(input: GetInput): GetPlan {
  const { schema, access, query } = input;
  const scope = { schema, access };
  const problems: PlanProblem[] = [];
  const includes = planIncludes(scope, query.include, input, problems);
  const fields = planSelection(scope, query.select, includes, problems);
  refuseProblems(problems);
  const rowFilter = access.rowFilter && planRowFilter(schema, access.rowFilter);
  const uses = new Set(fields.map(({ name }) => name));
  const policies = recordPolicies(access.policies, uses);
  return { schema, fields, masks: access.masks, rowFilter, policies, includes };
}

/** Answers no row or one: `version`, for the ETag, and `data`, the record as JSON text. */
export function compileGet(plan: GetPlan): (id: string, callerAt: CallerAt) => CompiledStatement {
  const { schema, includes } = plan;
  const parameters = new Parameters();
  const id = parameters.add(undefined, 'uuid');
  const { joins, records } = compileIncludes(includes, 't', parameters);
  const text = [
    `select t."version", row_to_json(${recordAlias})::text as data`,
    `from ${tableOf(schema)} t`,
    joins,
    `cross join lateral (select ${projectColumns(plan, 't', records)}) ${recordAlias}`,
    `where t."id" = ${id} and ${compileFilter(plan, 't', parameters)}`,
  ].join(' ');
  const { name } = nameStatement({ schema, operation: 'get', text }, parameters);
  const others = parameters.values.slice(1);
  return (value, callerAt) => withCaller({ name, text, values: [value, ...others] }, callerAt);
}
