import type { ResourceRef } from '../../contract/names.ts';
import type { RepairPlan } from '../../schema/plan-repair.ts';
import type { PlanStep } from '../../schema/plan-step.ts';
import type { Transaction } from '../../store/pool.ts';

/** A repair that somebody asked for and that is not done. */
export interface RepairRequest {
  readonly requestedBy: string;
  readonly reason: string | null;
  /** Of the spec, when it was asked for. */
  readonly generation: number;
  /** Null: not planned yet. */
  readonly planHash: string | null;
  readonly class: RepairPlan['class'] | null;
  readonly steps: readonly PlanStep[] | null;
}

/** False when one is asked for already. */
export async function requestRepair(
  tx: Transaction,
  ref: ResourceRef,
  {
    requestedBy,
    reason,
    generation,
  }: { requestedBy: string; reason: string | undefined; generation: number },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'drift.request-repair',
    text: `
      insert into platform.schema_repairs (namespace, name, requested_by, reason, generation)
      values ($1::text, $2::text, $3::text, $4::text, $5::bigint) on conflict do nothing`,
    values: [ref.namespace, ref.name, requestedBy, reason ?? null, generation],
  });
  return rowCount === 1;
}

/** Kept in the caller's transaction, and handed to Temporal by a worker: it may be away just now. */
export async function requestReconcile(
  tx: Transaction,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  requestedBy: string,
): Promise<void> {
  await tx.query({
    name: 'drift.request-reconcile',
    text: `
      insert into platform.workflow_requests (workflow, kind, namespace, name, requested_by)
      values ('reconcileSchema', 'SchemaDefinition', $1::text, $2::text, $3::text)`,
    values: [namespace, name, requestedBy],
  });
}

export async function findRepair(
  tx: Transaction,
  ref: ResourceRef,
): Promise<RepairRequest | undefined> {
  const { rows } = await tx.query<RepairRequest>({
    name: 'drift.find-repair',
    text: `
      select requested_by as "requestedBy", reason, generation, plan_hash as "planHash", class, steps
        from platform.schema_repairs where namespace = $1::text and name = $2::text`,
    values: [ref.namespace, ref.name],
  });
  return rows[0];
}

/** The catalogue that it was planned from changes with every step: so the plan is kept. */
export async function keepRepairPlan(
  tx: Transaction,
  ref: ResourceRef,
  plan: RepairPlan,
): Promise<void> {
  await tx.query({
    name: 'drift.keep-repair-plan',
    text: `
      update platform.schema_repairs set plan_hash = $3::text, class = $4::text, steps = $5::jsonb
       where namespace = $1::text and name = $2::text`,
    values: [ref.namespace, ref.name, plan.hash, plan.class, JSON.stringify(plan.steps)],
  });
}

export async function endRepair(tx: Transaction, ref: ResourceRef): Promise<void> {
  await tx.query({
    name: 'drift.end-repair',
    text: `delete from platform.schema_repairs where namespace = $1::text and name = $2::text`,
    values: [ref.namespace, ref.name],
  });
}
