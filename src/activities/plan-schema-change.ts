import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { PlanStep } from '../schema/plan-schema.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { gone } from './find-resource.ts';
import { gatherSchema } from './gather-schema.ts';

export type Planned =
  | { readonly next: 'nothing'; readonly outcome: Outcome }
  | {
      readonly next: 'apply';
      /** Of the spec that was planned for; another one wants another plan. */
      readonly generation: number;
      readonly planHash: string;
      /** Names of steps; each batch is one activity. */
      readonly batches: readonly (readonly string[])[];
    };

/** Plans the way to the wanted schema and shows the plan in its status, or says why there is none. */
export async function planSchemaChange(deps: ActivityDeps, ref: ResourceRef): Promise<Planned> {
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return { next: 'nothing', outcome: gone };
  const { schema, missing, plan } = gathered;
  if (missing.length > 0) {
    const message = `refers to ${missing.join(', ')}, which is not served yet`;
    const waits = { phase: 'Pending', reason: 'ReferenceNotReady', message } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, waits) };
  }
  if (plan.refused !== undefined) {
    const failed = { phase: 'Failed', ...plan.refused, fields: { plan: undefined } } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, failed) };
  }
  const steps = plan.steps.map(({ name, sql, concurrently }) => ({
    summary: name,
    class: concurrently ? 'online' : 'safe',
    sql: sql.trim(),
  }));
  await concludeNotReady(deps, schema, {
    phase: 'Provisioning',
    reason: 'Applying',
    message: `${plan.steps.length} steps to generation ${schema.metadata.generation}`,
    fields: { plan: { hash: plan.hash, steps, needsApproval: false } },
  });
  return {
    next: 'apply',
    generation: schema.metadata.generation ?? 1,
    planHash: plan.hash,
    batches: batch(plan.steps),
  };
}

/** Steps that run side by side with the traffic stand alone; what lies between runs in one go. */
function batch(steps: readonly PlanStep[]): string[][] {
  const batches: string[][] = [];
  let open: string[] | undefined;
  for (const { name, concurrently } of steps) {
    if (open === undefined || concurrently) batches.push((open = []));
    open.push(name);
    if (concurrently) open = undefined;
  }
  return batches;
}
