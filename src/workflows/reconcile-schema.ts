import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow';
import type { BackfillProgress } from '../activities/backfill-records.ts';
import type { Planned } from '../activities/planned.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { awaitPlanApprovals } from './plan-approval.ts';
import { longSteps, steps } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** A registry follows within milliseconds; this lets requests that are under way finish. */
const routeDrainMs = 300;

/** Slices of 20 s and decisions that come back for another plan: neither goes on for ever. */
const slicesMax = 10_000;
const plansMax = 100;

/** A schema becomes a table, its history and the revision that the API serves. */
export async function reconcileSchema(ref: ResourceRef): Promise<Outcome> {
  const approval = awaitPlanApprovals(ref);
  return untilSettled(ref, async (changes) => {
    let planned = await approval.plan();
    for (let plans = 0; planned.next === 'await' && plans < plansMax; plans++) {
      if (!(await approval.decided(planned.waiting, changes))) return superseded;
      planned = await approval.plan();
    }
    if (planned.next === 'drop') return steps.dropVersion({ ref, version: planned.version });
    if (planned.next === 'retire') return retireSchema(ref);
    if (planned.next === 'nothing') return planned.outcome;
    if (planned.next === 'await') return superseded;
    return applyPlan(ref, planned);
  });
}

/** Never a lasting state: the next round begins at once. */
const superseded: Outcome = {
  phase: 'AwaitingApproval',
  reason: 'SpecChanged',
  message: 'the spec has changed; it is planned again',
};

/** Whatever stops it, be it data, a person or time: the old revision is left as it was. */
async function applyPlan(
  ref: ResourceRef,
  { generation, planHash, batches, repair }: Extract<Planned, { next: 'apply' }>,
): Promise<Outcome> {
  try {
    for (const { names, backfill } of batches) {
      setCurrentDetails(`applies ${names.join(', ')}`);
      if (backfill) for (const step of names) await fillIn(ref, planHash, step);
      else await longSteps.applySchemaSteps({ ref, planHash, batch: names });
    }
    if (repair === true) return await steps.concludeRepair({ ref, planHash });
    setCurrentDetails('swaps revisions');
    return await steps.activateRevision({ ref, generation, planHash });
  } catch (error) {
    if (!(error instanceof ActivityFailure) && !isCancellation(error)) throw error;
    const outcome = await CancellationScope.nonCancellable(() =>
      steps.abandonSchemaChange({ ref, planHash, ...reasonOf(error) }),
    );
    if (isCancellation(error)) throw error;
    return outcome;
  }
}

async function fillIn(ref: ResourceRef, planHash: string, step: string): Promise<void> {
  let from: BackfillProgress | undefined;
  for (let slice = 0; slice < slicesMax; slice++) {
    from = await longSteps.backfillRecords({ ref, planHash, step, from });
    setCurrentDetails(`${step}: ${from.seen} of about ${from.records}`);
    if (from.done) return;
  }
  throw ApplicationFailure.nonRetryable(`more than ${slicesMax} slices`, 'BACKFILL_TOO_LARGE');
}

function reasonOf(error: unknown) {
  if (isCancellation(error)) {
    return { reason: 'MigrationCancelled', message: 'the change was cancelled' } as const;
  }
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  const message = cause?.message ?? String(error);
  const unfit = cause instanceof ApplicationFailure && cause.type === 'DataDoesNotFit';
  return { reason: unfit ? 'DataDoesNotFit' : 'MigrationFailed', message } as const;
}

/** The route goes first, so that nothing writes to a table about to go: closed, drained, dropped. */
async function retireSchema(ref: ResourceRef): Promise<Outcome> {
  const closed = await steps.closeRoute(ref);
  if (closed.next === 'nothing') return closed.outcome;
  await sleep(routeDrainMs);
  return steps.dropSchema(ref);
}
