import { provisionRoleBinding } from '../../src/activities/access-activities.ts';
import { activateRevision } from '../../src/activities/activate-revision.ts';
import { applySchemaSteps } from '../../src/activities/apply-schema-steps.ts';
import { recordDecision } from '../../src/activities/approval-activities.ts';
import { provisionAuthStrategy } from '../../src/activities/auth-strategy-activities.ts';
import type { BackfillProgress, BackfillSlice } from '../../src/activities/backfill-records.ts';
import { backfillRecords } from '../../src/activities/backfill-records.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { provisionDomain } from '../../src/activities/domain-activities.ts';
import { planSchemaChange } from '../../src/activities/plan-schema-change.ts';
import {
  provisionApplication,
  provisionOrganisation,
} from '../../src/activities/tenant-activities.ts';
import type { Resource } from '../../src/contract/kinds.ts';

/** Given what was done a moment ago, to do it once more. */
type Repeat = (again: () => Promise<unknown>) => Promise<void>;

/**
 * What the worker does for a resource that was applied, without Temporal. `repeat` is called after
 * every batch of a schema's steps, every backfill and the activation. Steps of another plan than the
 * one that is applied do nothing and their activation does not serve: one that serves in the end has
 * seen its own steps repeated.
 */
export async function provision(
  activities: ActivityDeps,
  { kind, metadata }: Resource,
  repeat?: Repeat,
): Promise<void> {
  const ref = { kind, namespace: metadata.namespace, name: metadata.name };
  if (kind === 'Organisation') await provisionOrganisation(activities, ref);
  if (kind === 'Application') await provisionApplication(activities, ref);
  if (kind === 'Domain') await provisionDomain(activities, ref);
  if (kind === 'AuthStrategy') await provisionAuthStrategy(activities, ref);
  if (kind === 'RoleBinding') await provisionRoleBinding(activities, ref);
  if (kind !== 'SchemaDefinition') return;
  let planned = await planSchemaChange(activities, ref);
  if (planned.next === 'await') {
    const { planHash } = planned.waiting;
    const decision = { ref, planHash, approved: true, actor: 'approver', how: 'update' };
    await recordDecision(activities, decision);
    planned = await planSchemaChange(activities, ref);
  }
  if (planned.next !== 'apply') return;
  const { generation, planHash, batches } = planned;
  const run = async (work: () => Promise<unknown>): Promise<void> => {
    await work();
    await repeat?.(work);
  };
  for (const { names: batch, backfill } of batches) {
    if (!backfill) await run(() => applySchemaSteps(activities, { ref, planHash, batch }));
    else for (const step of batch) await run(() => fillIn(activities, { ref, planHash, step }));
  }
  await run(() => activateRevision(activities, { ref, generation, planHash }));
}

async function fillIn(activities: ActivityDeps, slice: Omit<BackfillSlice, 'from'>): Promise<void> {
  let from: BackfillProgress | undefined;
  do from = await backfillRecords(activities, { ...slice, from });
  while (!from.done);
}
