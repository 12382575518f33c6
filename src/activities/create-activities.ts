import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { abandonSchemaChange } from './abandon-schema-change.ts';
import {
  provisionApiKey,
  provisionRoleBinding,
  retireApiKey,
  retireRoleBinding,
} from './access-activities.ts';
import { activateRevision } from './activate-revision.ts';
import { applySchemaSteps } from './apply-schema-steps.ts';
import { recordDecision, redeemApprovalToken } from './approval-activities.ts';
import { provisionAuthStrategy, retireAuthStrategy } from './auth-strategy-activities.ts';
import { backfillRecords } from './backfill-records.ts';
import type { ActivityDeps } from './deps.ts';
import { provisionDomain, retireDomain } from './domain-activities.ts';
import { checkDriftPage } from './drift/check-drift.ts';
import { concludeRepair } from './drift/repair-schema.ts';
import type { Job } from './durable.ts';
import { durable } from './durable.ts';
import { ensureHistoryPartitions, ensureRecordPartitions } from './ensure-partitions.ts';
import { examineResource } from './examine-resource.ts';
import { keepApiDeployments } from './keep-api-deployments.ts';
import { planSchemaChange } from './plan-schema-change.ts';
import { reportFailure } from './report-failure.ts';
import { closeRoute, dropSchema } from './retire-schema.ts';
import {
  provisionApplication,
  provisionOrganisation,
  retireApplication,
  retireOrganisation,
} from './tenant-activities.ts';
import { abandonMigration } from './versions/abandon-migration.ts';
import { copyRecords } from './versions/copy-records.ts';
import { cutOver, finishMigration } from './versions/cut-over.ts';
import { dropVersion } from './versions/drop-version.ts';
import { keepInStep } from './versions/keep-in-step.ts';
import { openMigration } from './versions/open-migration.ts';
import { checkRecords, compareRecords } from './versions/verify-migration.ts';

export type Activities = ReturnType<typeof createActivities>;

/**
 * Every activity by the name that workflows call it. Each finds out by itself what there is to do
 * and does only that, so that it may run any number of times, and after any other was cut short.
 */
export function createActivities(deps: ActivityDeps) {
  const bind = <Input, Output>(
    activity: (deps: ActivityDeps, input: Input, job: Job) => Promise<Output>,
  ) => durable((input: Input, job) => activity(deps, input, job));

  return {
    examineResource: bind(examineResource),
    reportFailure: bind(reportFailure),
    provisionOrganisation: bind(provisionOrganisation),
    retireOrganisation: bind(retireOrganisation),
    provisionApplication: bind(deploying(provisionApplication)),
    retireApplication: bind(deploying(retireApplication)),
    provisionDomain: bind(deploying(provisionDomain)),
    retireDomain: bind(deploying(retireDomain)),
    provisionAuthStrategy: bind(provisionAuthStrategy),
    retireAuthStrategy: bind(retireAuthStrategy),
    provisionRoleBinding: bind(provisionRoleBinding),
    retireRoleBinding: bind(retireRoleBinding),
    provisionApiKey: bind(provisionApiKey),
    retireApiKey: bind(retireApiKey),
    planSchemaChange: bind(planSchemaChange),
    applySchemaSteps: bind(applySchemaSteps),
    backfillRecords: bind(backfillRecords),
    activateRevision: bind(activateRevision),
    abandonSchemaChange: bind(abandonSchemaChange),
    recordDecision: bind(recordDecision),
    redeemApprovalToken: bind(redeemApprovalToken),
    checkDriftPage: bind(checkDriftPage),
    concludeRepair: bind(concludeRepair),
    ensureHistoryPartitions: bind(ensureHistoryPartitions),
    ensureRecordPartitions: bind(ensureRecordPartitions),
    openMigration: bind(openMigration),
    checkRecords: bind(checkRecords),
    copyRecords: bind(copyRecords),
    compareRecords: bind(compareRecords),
    keepInStep: bind(keepInStep),
    cutOver: bind(cutOver),
    finishMigration: bind(finishMigration),
    abandonMigration: bind(abandonMigration),
    dropVersion: bind(dropVersion),
    keepApiDeployments: bind((all, _changed: ResourceRef) => keepApiDeployments(all)),
    closeRoute: bind(closeRoute),
    dropSchema: bind(dropSchema),
  } satisfies Record<string, (input: never) => Promise<unknown>>;
}

type OnResource = (deps: ActivityDeps, ref: ResourceRef) => Promise<Outcome>;

/** In a cluster an application or a domain may have an API of its own, which changes with it. */
function deploying(activity: OnResource): OnResource {
  return async (deps, ref) => {
    const outcome = await activity(deps, ref);
    return deps.cluster === undefined ? outcome : { ...outcome, deploys: true };
  };
}
