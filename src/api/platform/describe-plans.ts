import { gatherPlan } from '../../resources/plans/gather-plan.ts';
import type { ApplyResult } from '../../resources/store.ts';
import type { SchemaPlan } from '../../schema/plan-schema.ts';
import type { Transaction } from '../../store/pool.ts';

/** What a dry run answers about a schema beside the schema itself. */
export interface PlanView {
  readonly hash: string;
  readonly class: SchemaPlan['class'];
  readonly needsApproval: boolean;
  readonly changes: SchemaPlan['changes'];
  readonly steps: readonly Record<string, unknown>[];
  /** Rows that scans and backfills will read, as Postgres estimates them. */
  readonly rows: number;
  readonly refused?: SchemaPlan['refused'];
}

/** Adds the plan to each schema of a dry run. A schema whose domain is still to come has none yet. */
export async function describePlans(
  tx: Transaction,
  results: readonly ApplyResult[],
): Promise<(ApplyResult & { plan?: PlanView })[]> {
  const described: (ApplyResult & { plan?: PlanView })[] = [];
  for (const result of results) {
    const { resource } = result;
    const gathered =
      resource.kind === 'SchemaDefinition' ? await gatherPlan(tx, resource) : undefined;
    described.push(gathered === undefined ? result : { ...result, plan: viewOf(gathered.plan) });
  }
  return described;
}

function viewOf(plan: SchemaPlan): PlanView {
  const { hash, changes, rows, refused } = plan;
  return {
    ...{ hash, class: plan.class, needsApproval: plan.class === 'breaking', changes, rows },
    steps: plan.steps.map(({ name, mode, class: kind, lock, scans, rewrites, blocks, sql }) => ({
      ...{ summary: name, mode, class: kind, lock, scans, rewrites, blocks },
      ...((scans || rewrites) && { rows }),
      sql: sql.trim(),
    })),
    ...(refused !== undefined && { refused }),
  };
}
