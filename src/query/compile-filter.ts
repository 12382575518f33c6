import type { CompiledSchema } from '../schema/compile.ts';
import { quoteQualified } from '../schema/identifier.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import { compilePlanned } from './compile-condition.ts';
import { compilePolicy } from './compile-policy.ts';
import type { Parameters } from './parameters.ts';
import type { PlannedCondition } from './plan-condition.ts';

/** What decides which rows there are: asked for, allowed, and live. */
export interface FilterPlan {
  readonly where?: PlannedCondition | undefined;
  readonly rowFilter: PlannedCondition | undefined;
  readonly policies: readonly CompiledPolicy[];
}

/** The condition of every read over the table `alias`; it never shows what was deleted. */
export function compileFilter(plan: FilterPlan, alias: string, parameters: Parameters): string {
  return [plan.where, plan.rowFilter]
    .filter((condition) => condition !== undefined)
    .map((condition) => compilePlanned(condition, alias, parameters))
    .concat(plan.policies.map((policy) => compilePolicy(policy, alias, parameters)))
    .concat(`${alias}."deleted_at" is null`)
    .join(' and ');
}

export function tableOf(schema: CompiledSchema): string {
  return quoteQualified(schema.pgNamespace, schema.pgTable);
}
