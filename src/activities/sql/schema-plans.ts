import type { ResourceRef } from '../../contract/names.ts';
import type { Transaction } from '../../store/pool.ts';

export type PlanState =
  | 'waiting'
  | 'approved'
  | 'rejected'
  | 'applying'
  | 'applied'
  | 'failed'
  | 'superseded';

export interface KnownPlan {
  readonly planHash: string;
  readonly generation: number;
  readonly state: PlanState;
  readonly requestedBy: string;
  /** As it was asked for while it waits; a domain that asks for less later changes nothing. */
  readonly fourEyes: boolean;
  readonly decidedBy: string | null;
  readonly reason: string | null;
}

/** Plans of one schema that are kept at hand: its latest; older ones have been decided long since. */
const plansReadMax = 20;

export async function findPlans(tx: Transaction, ref: ResourceRef): Promise<KnownPlan[]> {
  const { rows } = await tx.query<KnownPlan>({
    name: 'activities.find-plans',
    text: `
      select plan_hash as "planHash", generation, state, requested_by as "requestedBy",
             four_eyes as "fourEyes",
             decided_by as "decidedBy", reason
        from platform.schema_plans
       where namespace = $1::text and name = $2::text
       order by changed_at desc, plan_hash
       limit ${plansReadMax}`,
    values: [ref.namespace, ref.name],
  });
  return rows;
}

export interface PlanKey {
  readonly ref: ResourceRef;
  readonly planHash: string;
}

/** Notes a plan, new or taken up again; what was decided about an earlier try of it is past. */
export async function putPlan(
  tx: Transaction,
  {
    ref,
    planHash,
    generation,
    state,
    requestedBy,
    fourEyes = false,
  }: PlanKey & {
    readonly generation: number;
    readonly state: PlanState;
    /** Empty: nobody can tell. */
    readonly requestedBy: string;
    /** Matters to a plan that waits. */
    readonly fourEyes?: boolean;
  },
): Promise<void> {
  await tx.query({
    name: 'activities.put-plan',
    text: `
      insert into platform.schema_plans (namespace, name, plan_hash, generation, state, requested_by, four_eyes)
      values ($1::text, $2::text, $3::text, $4::bigint, $5::text, $6::text, $7::boolean)
          on conflict (namespace, name, plan_hash) do update
         set generation = excluded.generation, state = excluded.state, requested_by = excluded.requested_by,
             changed_at = clock_timestamp(),
             four_eyes = case when excluded.state = 'waiting' then excluded.four_eyes else schema_plans.four_eyes end,
             decided_by = case when excluded.state = 'waiting' then null else schema_plans.decided_by end,
             decided_how = case when excluded.state = 'waiting' then null else schema_plans.decided_how end,
             reason = case when excluded.state = 'waiting' then null else schema_plans.reason end
       where schema_plans.state <> excluded.state or schema_plans.generation <> excluded.generation
          or excluded.four_eyes and not schema_plans.four_eyes`,
    values: [ref.namespace, ref.name, planHash, generation, state, requestedBy, fourEyes],
  });
}

export async function setPlanState(
  tx: Transaction,
  { ref, planHash, state, reason }: PlanKey & { readonly state: PlanState; reason?: string },
): Promise<void> {
  await tx.query({
    name: 'activities.set-plan-state',
    text: `
      update platform.schema_plans
         set state = $4::text, reason = coalesce($5::text, reason), changed_at = clock_timestamp()
       where namespace = $1::text and name = $2::text and plan_hash = $3::text`,
    values: [ref.namespace, ref.name, planHash, state, reason ?? null],
  });
}

export interface PlanDecision extends PlanKey {
  readonly approved: boolean;
  readonly actor: string;
  /** `update`, `signal` or `annotation`. */
  readonly how: string;
  readonly reason?: string;
}

/** Decides a plan that waits, and says so in the audit. False when it does not wait (any more). */
export async function decidePlan(tx: Transaction, decision: PlanDecision): Promise<boolean> {
  const { ref, planHash, approved, actor, how, reason } = decision;
  const { rowCount } = await tx.query({
    name: 'activities.decide-plan',
    text: `
      update platform.schema_plans
         set state = $4::text, decided_by = $5::text, decided_how = $6::text, reason = $7::text,
             changed_at = clock_timestamp()
       where namespace = $1::text and name = $2::text and plan_hash = $3::text and state = 'waiting'`,
    values: [
      ref.namespace,
      ref.name,
      planHash,
      approved ? 'approved' : 'rejected',
      actor,
      how,
      reason ?? null,
    ],
  });
  if (rowCount === 0) return false;
  await tx.query({
    text: `select set_config('velocity.actor', $1::text, true), set_config('velocity.reason', $2::text, true)`,
    values: [actor, reason ?? ''],
  });
  await tx.query({
    name: 'activities.audit-decision',
    text: `
      select platform.audit_event(d.organisation, null, null, $2::text, 'ok', null, $3::jsonb)
        from platform.domains d where d.namespace = $1::text`,
    values: [
      ref.namespace,
      approved ? 'approve-plan' : 'reject-plan',
      JSON.stringify({ schema: `${ref.namespace}/${ref.name}`, plan: planHash, how }),
    ],
  });
  return true;
}
