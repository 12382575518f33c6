import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { ResourceRef } from '../contract/names.ts';
import { specChangedSignal } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { observations } from './observations.ts';
import { steps } from './steps.ts';

/** Sent with every start, and to the run that is there when the resource changes again. */
export const specChanged = defineSignal(specChangedSignal);

/** Changes that one run follows; for later ones it begins anew. Bounds the history. */
const roundsMax = 20;

/** Whether the resource has changed since this round began. */
export interface Changes {
  seen(): boolean;
}

/** Reconciles once, and again as long as the resource was changed meanwhile. */
export async function untilSettled(
  ref: ResourceRef,
  reconcile: (changes: Changes) => Promise<Outcome>,
): Promise<Outcome> {
  let changed = true;
  setHandler(specChanged, () => {
    changed = true;
  });
  let outcome: Outcome | undefined;
  for (let round = 0; outcome === undefined || (changed && round < roundsMax); round++) {
    changed = false;
    const startedAt = Date.now();
    observations.started(ref);
    outcome = await reconcile({ seen: () => changed }).catch((error: unknown) =>
      reportFailure(ref, error),
    );
    setCurrentDetails(`${outcome.phase}: ${outcome.message}`);
    observations.finished(ref, outcome, Date.now() - startedAt);
    if (outcome.phase === 'Failed' && !changed) {
      throw ApplicationFailure.nonRetryable(outcome.message, outcome.reason);
    }
  }
  // A plan may be waiting, and the operator took the change for told: nobody else would go on with it.
  if (changed && patched('begin-anew-while-changed')) {
    await condition(allHandlersFinished);
    await continueAsNew<(ref: ResourceRef) => Promise<Outcome>>(ref);
  }
  return outcome;
}

/** What no retry could mend becomes the resource's status, where a person looks first. */
async function reportFailure(ref: ResourceRef, error: unknown): Promise<Outcome> {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  const message = error.cause?.message ?? error.message;
  return steps.reportFailure({ ref, step: error.activityType, message });
}
