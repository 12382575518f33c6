import type { PlannedCondition } from './plan-condition.ts';
import type { PlanProblem } from './plan-problem.ts';
import type { RecordPlan } from './plan-record-query.ts';

/** In units of one comparison by an index. A hundred plain conditions pass; a hundred long lists do not. */
const queryCostMax = 500;

const listValuesPerUnit = 100;
const scanCost = 2;
const distanceCost = 5;
const exactCountCost = 10;
const recordsPerUnit = 100;
const skippedPerUnit = 100;

type CostedPlan = Omit<RecordPlan, 'after' | 'seal'>;

/** A bound on what one query may ask of Postgres, known before it is asked. */
export function refuseCostly(plan: CostedPlan): PlanProblem | undefined {
  const max = plan.schema.spec.lifecycle?.maxQueryCost ?? queryCostMax;
  const cost = Math.ceil(costOf(plan));
  if (cost <= max) return undefined;
  return {
    code: 'QUERY_TOO_COSTLY',
    pointer: '',
    rule: 'cost',
    message: `the query costs ${cost}, at most ${max} is allowed`,
    hint: 'Use fewer conditions, shorter lists, a smaller limit or fewer includes.',
    details: { cost, maxQueryCost: max },
  };
}

function costOf(plan: CostedPlan): number {
  const included = plan.includes.reduce((sum, { includes }) => sum + 1 + includes.length, 0);
  return (
    (plan.where === undefined ? 0 : conditionCost(plan.where)) +
    plan.sort.length +
    (plan.limit / recordsPerUnit) * (1 + included) +
    (plan.offset ?? 0) / skippedPerUnit +
    (plan.count === 'exact' ? exactCountCost : 0)
  );
}

function conditionCost(condition: PlannedCondition): number {
  if ('not' in condition) return conditionCost(condition.not);
  if ('and' in condition) return condition.and.reduce((sum, each) => sum + conditionCost(each), 0);
  if ('or' in condition) return condition.or.reduce((sum, each) => sum + conditionCost(each), 0);
  switch (condition.op) {
    case 'contains':
    case 'like':
      return scanCost;
    case 'within_km':
      return distanceCost;
    default:
      return Array.isArray(condition.value) ? 1 + condition.value.length / listValuesPerUnit : 1;
  }
}
