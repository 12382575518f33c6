import type { WaitingPlan } from '../schema/judge-approval.ts';
import type { PlanStep } from '../schema/plan-step.ts';
import type { ActivityDeps } from './deps.ts';
import type { Examined } from './examine-resource.ts';
import type { KnownPlan } from './sql/schema-plans.ts';

/** Steps of a plan, in the order that they are applied in before the activation. */
export interface StepBatch {
  /** Names of steps; each batch is one activity, or a row of them for a backfill. */
  readonly names: readonly string[];
  readonly backfill: boolean;
}

export type Planned =
  | Exclude<Examined, { next: 'provision' }>
  | { readonly next: 'drop'; readonly version: string }
  | { readonly next: 'await'; readonly waiting: WaitingPlan }
  | {
      readonly next: 'apply';
      /** Of the spec that was planned for; another one wants another plan. */
      readonly generation: number;
      readonly planHash: string;
      readonly batches: readonly StepBatch[];
      /** It puts the catalogue back, and leads to no new revision. */
      readonly repair?: true;
    };

/**
 * Whether somebody else than who asked for the change approves it: where the domain wants so, or
 * wanted so when a plan that waits was asked for.
 */
export async function asksForFourEyes(
  { store }: ActivityDeps,
  namespace: string,
  known: Pick<KnownPlan, 'state' | 'fourEyes'> | undefined,
): Promise<boolean> {
  if (known?.state === 'waiting' && known.fourEyes) return true;
  const domains = await store.list({ kind: 'Domain', namespace });
  return domains.some((one) => one.kind === 'Domain' && one.spec.approvals?.plans === true);
}

/** What the status may hold of one statement. */
const shownSqlMax = 65_536;
const shownSummaryMax = 4_096;

/** As the status shows it; the API's dry run answers the same and more. */
export function shownPlan(
  { hash, steps }: { readonly hash: string; readonly steps: readonly PlanStep[] },
  needsApproval: boolean,
) {
  return {
    hash,
    needsApproval,
    steps: steps.map((step) => ({
      summary: step.name.slice(0, shownSummaryMax),
      class: step.class,
      lock: step.lock,
      sql: step.sql.trim().slice(0, shownSqlMax),
    })),
  };
}

/** What runs beside the traffic stands alone; DDL between runs in one go. The swap is the activation's. */
export function batchSteps(steps: readonly PlanStep[]): StepBatch[] {
  const batches: { names: string[]; backfill: boolean; together: boolean }[] = [];
  for (const { name, mode } of steps) {
    if (mode === 'swap') continue;
    const together = mode === 'change' || mode === 'verify';
    const last = batches.at(-1);
    if (last?.together === true && together) last.names.push(name);
    else batches.push({ names: [name], backfill: mode === 'backfill', together });
  }
  return batches.map(({ names, backfill }) => ({ names, backfill }));
}
