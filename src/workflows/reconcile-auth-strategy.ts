import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { steps } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** An authentication strategy becomes the row that the API authenticates by. */
export async function reconcileAuthStrategy(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const examined = await steps.examineResource(ref);
    if (examined.next === 'retire') return steps.retireAuthStrategy(ref);
    if (examined.next === 'nothing') return examined.outcome;
    return steps.provisionAuthStrategy(ref);
  });
}
