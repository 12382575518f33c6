import type { ResourceRef } from '../contract/names.ts';
import { approveBreakingAnnotation } from '../contract/names.ts';
import { judgeApproval } from '../schema/judge-approval.ts';
import { clearPrepared } from './abandon-schema-change.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { checkSchemaDrift } from './drift/check-drift.ts';
import { planRequestedRepair } from './drift/repair-schema.ts';
import { examineResource } from './examine-resource.ts';
import { gone, keyOf } from './find-resource.ts';
import type { GatheredSchema } from './gather-schema.ts';
import { gatherSchema } from './gather-schema.ts';
import type { Planned } from './planned.ts';
import { asksForFourEyes, batchSteps, shownPlan } from './planned.ts';
import { decidePlan, findPlans, putPlan, setPlanState } from './sql/schema-plans.ts';
import { findOpenMigration } from './sql/version-migrations.ts';
import { findVersionToDrop } from './versions/drop-version.ts';

/** Plans the way to the wanted schema and shows the plan in its status, or says why there is none. */
export async function planSchemaChange(deps: ActivityDeps, ref: ResourceRef): Promise<Planned> {
  const version = await findVersionToDrop(deps, ref);
  if (version !== undefined) return { next: 'drop', version };
  const examined = await examineResource(deps, ref);
  if (examined.next !== 'retire') {
    // Before a change: it counts on the table being as the active revision has it.
    const repair = await planRequestedRepair(deps, ref);
    if (repair !== undefined) return repair;
  }
  // Somebody asked to look again at what needs nothing.
  if (examined.next === 'nothing' && examined.outcome.reason === 'AlreadyReady')
    await checkSchemaDrift(deps, ref);
  if (examined.next !== 'provision') return examined;
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return { next: 'nothing', outcome: gone };
  const { schema, missing, plan } = gathered;
  const moving = await findOpenMigration(deps.pool, ref);
  if (moving !== undefined && moving.state !== 'requested') {
    const message = `records move from ${moving.fromVersion} to ${moving.toVersion}; it is planned when they have`;
    const waits = { phase: 'Pending', reason: 'MigrationRunning', message } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, waits) };
  }
  await supersedeOthers(deps, ref, gathered);
  if (missing.length > 0) {
    const message = `refers to ${missing.join(', ')}, which is not served yet`;
    const waits = { phase: 'Pending', reason: 'ReferenceNotReady', message } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, waits) };
  }
  if (plan.refused !== undefined) {
    const phase = plan.refused.reason === 'Frozen' ? 'Frozen' : 'Failed';
    const refused = { phase, ...plan.refused, fields: { plan: undefined } } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, refused) };
  }
  const generation = schema.metadata.generation ?? 1;
  const verdict = await decideWhetherToApply(deps, ref, gathered);
  if (verdict !== 'apply') return verdict;
  const requestedBy = await findRequester(deps, ref);
  const planHash = plan.hash;
  await putPlan(deps.pool, { ref, planHash, generation, state: 'applying', requestedBy });
  await concludeNotReady(deps, schema, {
    phase: 'Provisioning',
    reason: 'Applying',
    message: `${plan.steps.length} steps to generation ${generation}`,
    fields: { plan: shownPlan(plan, false) },
  });
  // What never served is made by the transaction that activates it.
  const batches = gathered.active === undefined ? [] : batchSteps(plan.steps);
  return { next: 'apply', generation, planHash, batches };
}

/** A newer spec wants another plan: what waits is not asked for any more, what was begun is undone. */
async function supersedeOthers(
  deps: ActivityDeps,
  ref: ResourceRef,
  { plan, active, beside, domain }: GatheredSchema,
): Promise<void> {
  const open = (await findPlans(deps.pool, ref)).filter(
    ({ planHash, state }) =>
      planHash !== plan.hash && ['waiting', 'approved', 'applying'].includes(state),
  );
  if (open.some(({ state }) => state === 'applying')) {
    // What was begun may have been a change of the version that was wanted before.
    for (const { pgTable } of active === undefined ? beside : [active, ...beside]) {
      await clearPrepared(deps, { pgNamespace: domain.pgNamespace, pgTable });
    }
  }
  for (const { planHash } of open) {
    await setPlanState(deps.pool, { ref, planHash, state: 'superseded' });
  }
}

async function decideWhetherToApply(
  deps: ActivityDeps,
  ref: ResourceRef,
  { schema, plan }: GatheredSchema,
): Promise<Planned | 'apply'> {
  if (plan.class !== 'breaking') return 'apply';
  const generation = schema.metadata.generation ?? 1;
  const known = (await findPlans(deps.pool, ref)).find(({ planHash }) => planHash === plan.hash);
  if (known?.state === 'approved' || known?.state === 'applying') return 'apply';
  if (known?.state === 'rejected' && known.generation === generation) {
    const why = known.reason === null ? '' : `: ${known.reason}`;
    const message = `${known.decidedBy} rejected plan ${plan.hash}${why}; the old revision is served until the spec changes`;
    const rejected = { phase: 'Failed', reason: 'PlanRejected', message } as const;
    return { next: 'nothing', outcome: await concludeNotReady(deps, schema, rejected) };
  }
  const requestedBy = await findRequester(deps, ref);
  const fourEyes = await asksForFourEyes(deps, ref.namespace, known);
  const asked = { planHash: plan.hash, generation, requestedBy, fourEyes };
  await putPlan(deps.pool, { ref, ...asked, state: 'waiting' });
  const open = { ...asked, decided: false };
  const annotated = schema.metadata.annotations?.[approveBreakingAnnotation];
  const approver = annotated && (await deps.store.findApprover(keyOf(ref), annotated));
  // Two pairs of eyes are asked for by name: an annotation is no way round the request that asks.
  if (annotated !== undefined && approver !== undefined && !fourEyes) {
    const attempt = { planHash: annotated, actor: approver, approved: true };
    if (judgeApproval(open, attempt) === undefined) {
      const decision = { ref, ...attempt, how: 'annotation' };
      await deps.pool.transaction((tx) => decidePlan(tx, decision));
      return 'apply';
    }
  }
  const { name, namespace } = schema.metadata;
  const losses = plan.changes.filter((change) => change.class === 'breaking');
  await concludeNotReady(deps, schema, {
    phase: 'AwaitingApproval',
    reason: 'BreakingChange',
    message: `${losses.map(({ summary }) => summary).join('; ')}. To go on, run: velocity approve schema ${name} -n ${namespace} --plan ${plan.hash}`,
    fields: { plan: shownPlan(plan, true) },
  });
  return { next: 'await', waiting: open };
}

/** Empty where nobody can tell: then four eyes cannot be told apart, and no approval counts. */
async function findRequester({ store }: ActivityDeps, ref: ResourceRef): Promise<string> {
  return (await store.findRequester(keyOf(ref))) ?? '';
}
