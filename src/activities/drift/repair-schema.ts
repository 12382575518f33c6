import { createHash } from 'node:crypto';
import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import type { Outcome } from '../../contract/outcome.ts';
import { gatherRepairs } from '../../resources/drift/gather-repair.ts';
import type { RepairRequest } from '../../resources/drift/repair-requests.ts';
import { endRepair, findRepair, keepRepairPlan } from '../../resources/drift/repair-requests.ts';
import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../../resources/plans/sql/active-revisions.ts';
import type { RepairPlan } from '../../schema/plan-repair.ts';
import type { PlanStep } from '../../schema/plan-step.ts';
import { worstOf } from '../../schema/plan-step.ts';
import { concludeNotReady, concludeReady } from '../conclude.ts';
import type { ActivityDeps } from '../deps.ts';
import { findOfKind, gone } from '../find-resource.ts';
import type { Planned } from '../planned.ts';
import { asksForFourEyes, batchSteps, shownPlan } from '../planned.ts';
import { findCompared } from '../sql/drift.ts';
import { findPlans, putPlan, setPlanState } from '../sql/schema-plans.ts';
import { checkSchemaDrift } from './check-drift.ts';
import { compareSchemas } from './compare-schemas.ts';

interface PlannedRepair {
  readonly planHash: string;
  readonly class: RepairPlan['class'];
  readonly steps: readonly PlanStep[];
}

/**
 * The plan of a repair that somebody asked for; undefined: nobody did. A newer spec takes the place of
 * a repair as it does of a plan, also one that waits, failed or was never served.
 */
export async function planRequestedRepair(
  deps: ActivityDeps,
  ref: ResourceRef,
): Promise<Planned | undefined> {
  const request = await findRepair(deps.pool, ref);
  if (request === undefined) return undefined;
  const schema = await findOfKind(deps.store, 'SchemaDefinition', ref);
  const served = schema && (await findServed(deps, ref, schema));
  if (schema === undefined || served?.generation !== request.generation) {
    await withdraw(deps, ref, request);
    return undefined;
  }
  const plan = await planOnce(deps, ref, request);
  if (plan === undefined) return settle(deps, ref, schema, nothingToDo);
  const { planHash, steps } = plan;
  const { generation, requestedBy } = request;
  const shown = { hash: planHash, steps };
  if (plan.class === 'breaking') {
    const known = (await findPlans(deps.pool, ref)).find((one) => one.planHash === planHash);
    if (known?.state === 'rejected') {
      await endRepair(deps.pool, ref);
      const why = known.reason === null ? '' : `: ${known.reason}`;
      return settle(deps, ref, schema, `${known.decidedBy} rejected the repair${why}`);
    }
    if (known?.state !== 'approved' && known?.state !== 'applying') {
      const fourEyes = await asksForFourEyes(deps, ref.namespace, known);
      const asked = { planHash, generation, requestedBy, fourEyes };
      await putPlan(deps.pool, { ref, ...asked, state: 'waiting' });
      const losses = steps.filter((step) => step.class === 'breaking').map(({ name }) => name);
      await concludeNotReady(deps, schema, {
        phase: 'AwaitingApproval',
        reason: 'BreakingRepair',
        message: `${losses.join('; ')}. To go on, run: velocity approve schema ${ref.name} -n ${ref.namespace} --plan ${planHash}`,
        fields: { plan: shownPlan(shown, true) },
      });
      return { next: 'await', waiting: { ...asked, decided: false } };
    }
  }
  await putPlan(deps.pool, { ref, planHash, generation, state: 'applying', requestedBy });
  await concludeNotReady(deps, schema, {
    phase: 'Provisioning',
    reason: 'Repairing',
    message: `${steps.length} steps back to what the active revision says`,
    fields: { plan: shownPlan(shown, false) },
  });
  return { next: 'apply', generation, planHash, batches: batchSteps(steps), repair: true };
}

const changedMeanwhile: Outcome = {
  phase: 'Provisioning',
  reason: 'SpecChanged',
  message: 'what is wanted has changed meanwhile; it is planned',
};

const nothingToDo = 'nothing that differs can be put right from here';

/** Planned from a fresh comparison, once: what it was made from changes with every step. */
async function planOnce(
  { pool }: ActivityDeps,
  ref: ResourceRef,
  request: RepairRequest,
): Promise<PlannedRepair | undefined> {
  const { planHash, class: known, steps } = request;
  if (planHash !== null && known !== null && steps !== null)
    return { planHash, class: known, steps };
  const compared = await compareSchemas(pool, await findCompared(pool, ref));
  const found = compared.map(({ revision, items }) => ({ version: revision.version, items }));
  const plan = joinPlans(await gatherRepairs(pool, ref, found));
  if (plan === undefined) {
    await endRepair(pool, ref);
    return undefined;
  }
  await pool.transaction(async (tx) => {
    await keepRepairPlan(tx, ref, plan);
    // What differs in the same way again has the same hash: what was decided then is past.
    await setPlanState(tx, { ref, planHash: plan.hash, state: 'superseded' });
  });
  return { planHash: plan.hash, class: plan.class, steps: plan.steps };
}

/** One plan for all versions; undefined when there is nothing to do. */
function joinPlans(plans: readonly RepairPlan[]): RepairPlan | undefined {
  const useful = plans.filter(({ steps }) => steps.length > 0);
  const [only] = useful;
  if (only === undefined || useful.length === 1) return only;
  return {
    hash: createHash('sha256')
      .update(useful.map(({ hash }) => hash).join('\n'))
      .digest('hex'),
    steps: useful.flatMap(({ steps }, nth) =>
      steps.map((step) => ({ ...step, name: `${nth + 1}: ${step.name}` })),
    ),
    class: worstOf(useful),
    refused: useful.flatMap(({ refused }) => refused),
  };
}

/** The revision of the spec as it is now; undefined: it is not what is served. */
async function findServed(
  { pool }: ActivityDeps,
  ref: ResourceRef,
  { spec, metadata }: SchemaDefinition,
): Promise<ActiveRevision | undefined> {
  const served = await findActiveRevisions(pool, [ref]);
  const active = served.find((one) => one.spec.version === spec.version);
  return active?.generation === metadata.generation ? active : undefined;
}

async function withdraw(
  { pool }: ActivityDeps,
  ref: ResourceRef,
  { planHash }: RepairRequest,
): Promise<void> {
  await endRepair(pool, ref);
  if (planHash !== null) await setPlanState(pool, { ref, planHash, state: 'superseded' });
}

/** Ready again, as far as its spec goes; what differs is compared and told anew. */
async function settle(
  deps: ActivityDeps,
  ref: ResourceRef,
  schema: SchemaDefinition,
  message: string,
): Promise<Planned> {
  return { next: 'nothing', outcome: await standAgain(deps, ref, schema, message) };
}

async function standAgain(
  deps: ActivityDeps,
  ref: ResourceRef,
  schema: SchemaDefinition,
  message: string,
): Promise<Outcome> {
  const active = await findServed(deps, ref, schema);
  // Ready would say of a spec that came meanwhile that it is served, and nobody would plan it.
  const outcome =
    active === undefined
      ? changedMeanwhile
      : await concludeReady(deps, schema, {
          ...{ reason: 'Served', message: `revision ${active.revision} is served; ${message}` },
          fields: { plan: undefined },
        });
  await checkSchemaDrift(deps, ref);
  return outcome;
}

export interface RepairDone {
  readonly ref: ResourceRef;
  readonly planHash: string;
}

/** All steps are done: says so in the audit, with who asked and why, and looks what is left. */
export async function concludeRepair(
  deps: ActivityDeps,
  { ref, planHash }: RepairDone,
): Promise<Outcome> {
  const schema = await findOfKind(deps.store, 'SchemaDefinition', ref);
  if (schema === undefined) return gone;
  await deps.pool.transaction(async (tx) => {
    const request = await findRepair(tx, ref);
    if (request?.planHash !== planHash) return;
    await setPlanState(tx, { ref, planHash, state: 'applied' });
    await endRepair(tx, ref);
    await tx.query({
      text: `select set_config('velocity.actor', $1::text, true), set_config('velocity.reason', $2::text, true)`,
      values: [request.requestedBy, request.reason ?? ''],
    });
    const steps = (request.steps ?? []).map(({ name }) => name);
    await tx.query({
      name: 'activities.audit-repair',
      text: `
        select platform.audit_event(d.organisation, null, null, 'repair-schema', 'ok', null, $2::jsonb)
          from platform.domains d where d.namespace = $1::text`,
      values: [
        ref.namespace,
        JSON.stringify({ schema: `${ref.namespace}/${ref.name}`, plan: planHash, steps }),
      ],
    });
  });
  return standAgain(deps, ref, schema, 'repaired');
}

/** A step failed: those before it stay, since each was right by itself. Undefined: it was no repair. */
export async function abandonRepair(
  deps: ActivityDeps,
  { ref, planHash, message }: RepairDone & { readonly message: string },
): Promise<Outcome | undefined> {
  const request = await findRepair(deps.pool, ref);
  if (request?.planHash !== planHash) return undefined;
  await setPlanState(deps.pool, { ref, planHash, state: 'failed', reason: message });
  await endRepair(deps.pool, ref);
  const schema = await findOfKind(deps.store, 'SchemaDefinition', ref);
  if (schema === undefined) return gone;
  return standAgain(deps, ref, schema, `the repair stopped: ${message}`);
}
