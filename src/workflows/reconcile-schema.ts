import { setCurrentDetails, sleep } from '@temporalio/workflow';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { longSteps, steps } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** A registry follows within milliseconds; this lets requests that are under way finish. */
const routeDrainMs = 300;

/** A schema becomes a table, its history and the revision that the API serves. */
export async function reconcileSchema(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const planned = await steps.planSchemaChange(ref);
    if (planned.next === 'retire') return retireSchema(ref);
    if (planned.next === 'nothing') return planned.outcome;

    const { generation, planHash } = planned;
    for (const batch of planned.batches) {
      setCurrentDetails(`applies ${batch.join(', ')}`);
      await longSteps.applySchemaSteps({ ref, generation, batch });
    }
    return steps.activateRevision({ ref, generation, planHash });
  });
}

/** The route goes first, so that nothing writes to a table about to go: closed, drained, dropped. */
async function retireSchema(ref: ResourceRef): Promise<Outcome> {
  const closed = await steps.closeRoute(ref);
  if (closed.next === 'nothing') return closed.outcome;
  await sleep(routeDrainMs);
  return steps.dropSchema(ref);
}
