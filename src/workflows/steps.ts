import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/create-activities.ts';
import type { ResourceRef } from '../contract/names.ts';
import { taskQueues } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';

/** Activities heartbeat every second: a worker that was killed is missed after this. */
const heartbeatTimeout = '5 seconds';

/** The database being away is waited for; beyond this the operator starts afresh some time. */
const retry = {
  initialInterval: '100 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
} as const;

/** Steps that read and write rows: milliseconds each. */
export const steps = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 hour',
  heartbeatTimeout,
  retry,
});

type LongStep =
  | 'applySchemaSteps'
  | 'backfillRecords'
  | 'checkRecords'
  | 'copyRecords'
  | 'compareRecords'
  | 'keepInStep'
  | 'finishMigration'
  | 'abandonMigration';

/**
 * Steps that may read a whole table: an index over a hundred million rows takes hours. A cancelled
 * one is waited for, so that nothing is taken down while it is still being built.
 */
export const longSteps = proxyActivities<Pick<Activities, LongStep>>({
  startToCloseTimeout: '12 hours',
  heartbeatTimeout,
  retry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Steps that change the cluster itself, in a worker that may. */
const clusterSteps = proxyActivities<Pick<Activities, 'keepApiDeployments'>>({
  taskQueue: taskQueues.kubernetes,
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 hour',
  heartbeatTimeout,
  retry,
});

/** Where an application or a domain is given an API of its own: after it has become what it is. */
export async function thenDeploy(
  ref: ResourceRef,
  { deploys, ...outcome }: Outcome,
): Promise<Outcome> {
  if (deploys === true) await clusterSteps.keepApiDeployments(ref);
  return outcome;
}
