import type { ResourceRef } from '../contract/names.ts';
import type { PlanStep } from '../schema/plan-schema.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import type { Examined } from './examine-resource.ts';
import { examineResource } from './examine-resource.ts';
import { gone } from './find-resource.ts';
import { gatherSchema } from './gather-schema.ts';

export type Planned =
  | Exclude<Examined, { next: 'provision' }>
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
  const examined = await examineResource(deps, ref);
  if (examined.next !== 'provision') return examined;
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
  let together = false;
  for (const { name, concurrently } of steps) {
    const last = batches.at(-1);
    if (last !== undefined && together && !concurrently) last.push(name);
    else batches.push([name]);
    together = !concurrently;
  }
  return batches;
}
