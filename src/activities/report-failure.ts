import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findResource, gone, keyOf } from './find-resource.ts';

export interface FailedStep {
  readonly ref: ResourceRef;
  /** Name of the activity. */
  readonly step: string;
  readonly message: string;
}

/** Says in the status what went wrong and what happens next; what it served before goes on. */
export async function reportFailure(deps: ActivityDeps, failed: FailedStep): Promise<Outcome> {
  const { ref, step, message } = failed;
  const resource = await findResource(deps.store, ref);
  if (resource === undefined) return gone;
  const { kind } = keyOf(ref);
  return concludeNotReady(deps, resource, {
    phase: 'Failed',
    reason: 'ReconcileFailed',
    message: `${step} failed: ${message}; it is tried again in a while, and at once when the ${kind} changes`,
  });
}
