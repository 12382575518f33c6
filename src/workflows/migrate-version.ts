import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  defineSignal,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { MigrationStep } from '../activities/versions/gather-migration.ts';
import type { Compared } from '../activities/versions/verify-migration.ts';
import type { ResourceRef } from '../contract/names.ts';
import { workflowRequestedSignal } from '../contract/names.ts';
import { longSteps, steps } from './steps.ts';

/** Sent with every start, and to the run that is there when somebody asks again. */
export const requested = defineSignal(workflowRequestedSignal);

/** Slices of 20 s: a billion records fit. */
const slicesMax = 100_000;
/** Histories stay short: everything that matters is in the database, and taken up from there. */
const slicesPerRunMax = 500;
/** Each holds writers up: one that had to give up is followed by a rest, longer each time, 45 min in all. */
const cutOversMax = 50;
const restMsMax = 60_000;

/**
 * Carries the records of a schema from one version to the next: copied beside the traffic, kept in
 * step, compared, and cut over in one transaction. Whatever stops it before leaves both as they were.
 */
export async function migrateVersion(ref: ResourceRef): Promise<void> {
  let asked = true;
  setHandler(requested, () => {
    asked = true;
  });
  while (asked) {
    asked = false;
    try {
      await takeUp(ref);
    } catch (error) {
      // Asked for again while this one came to its end: that is for a run that nobody cancelled.
      if (asked) await continueAsNew<typeof migrateVersion>(ref);
      throw error;
    }
  }
}

async function takeUp(ref: ResourceRef): Promise<void> {
  const opened = await steps.openMigration(ref);
  if (opened.next === 'migrate') await migrate(ref, opened.id);
  if (opened.next === 'undo') await undo({ ref, id: opened.id }, 'failed', 'it was given up');
}

async function migrate(ref: ResourceRef, id: string): Promise<void> {
  const step = { ref, id };
  try {
    setCurrentDetails('looks for records that do not fit');
    await longSteps.checkRecords(step);
    await copyAll(ref, id);
    await compareAll(ref, id);
    for (let tries = 0; ; tries++) {
      setCurrentDetails('both versions are in step; cuts over as soon as nobody holds it');
      const { goOn } = await longSteps.keepInStep(step);
      if (!goOn) await continueAsNew<typeof migrateVersion>(ref);
      // Whoever cancels now comes too late or early enough, never half way.
      const { done } = await CancellationScope.nonCancellable(() => steps.cutOver(step));
      if (done) break;
      if (tries >= cutOversMax) {
        throw tooMany(
          'changes came faster than they could be taken over, or a transaction stayed open meanwhile',
        );
      }
      if (patched('rest-between-cut-overs')) {
        setCurrentDetails('there was too much left to cut over; tries again in a while');
        await sleep(Math.min(1_000 * 2 ** tries, restMsMax));
      }
    }
  } catch (error) {
    if (
      !(error instanceof ActivityFailure) &&
      !(error instanceof ApplicationFailure) &&
      !isCancellation(error)
    )
      throw error;
    const message = isCancellation(error) ? 'it was cancelled' : messageOf(error);
    const state = isCancellation(error) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => undo(step, state, message));
    throw error;
  }
  setCurrentDetails('cut over; tidies up');
  await CancellationScope.nonCancellable(() => longSteps.finishMigration(step));
  setCurrentDetails('done');
}

async function undo(
  step: MigrationStep,
  state: 'failed' | 'cancelled',
  message: string,
): Promise<void> {
  setCurrentDetails(`takes back what was copied: ${message}`);
  await longSteps.abandonMigration({ ...step, state, message });
  setCurrentDetails(`${state}: ${message}`);
}

async function copyAll(ref: ResourceRef, id: string): Promise<void> {
  for (let slice = 0; slice < slicesMax; slice++) {
    const { copied, records, done } = await longSteps.copyRecords({ ref, id });
    setCurrentDetails(`copied ${copied} of about ${Math.max(records, copied)} records`);
    if (done) return;
    if (slice >= slicesPerRunMax) await continueAsNew<typeof migrateVersion>(ref);
  }
  throw tooMany('there are more records than one migration takes');
}

async function compareAll(ref: ResourceRef, id: string): Promise<void> {
  let from: Compared | undefined;
  for (let slice = 0; slice < slicesMax; slice++) {
    from = await longSteps.compareRecords({ ref, id, from });
    setCurrentDetails(`compared ${from.compared} records`);
    if (from.done) return;
  }
  throw tooMany('there are more records than one migration compares');
}

function tooMany(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'TooMuch');
}

function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause?.message ?? (error as Error).message;
}
