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

/** What the worker does for a resource that was applied, without Temporal. */
export async function provision(
  activities: ActivityDeps,
  { kind, metadata }: Resource,
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
  for (const { names: batch, backfill } of batches) {
    if (!backfill) await applySchemaSteps(activities, { ref, planHash, batch });
    else for (const step of batch) await fillIn(activities, { ref, planHash, step });
  }
  await activateRevision(activities, { ref, generation, planHash });
}

async function fillIn(activities: ActivityDeps, slice: Omit<BackfillSlice, 'from'>): Promise<void> {
  let from: BackfillProgress | undefined;
  do from = await backfillRecords(activities, { ...slice, from });
  while (!from.done);
}
