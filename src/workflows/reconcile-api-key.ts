import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { steps } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** An issued key follows its manifest; one that is not issued yet waits. Deletion revokes it. */
export async function reconcileApiKey(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const examined = await steps.examineResource(ref);
    if (examined.next === 'retire') return steps.retireApiKey(ref);
    if (examined.next === 'nothing') return examined.outcome;
    return steps.provisionApiKey(ref);
  });
}
