import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { steps } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** A role binding becomes the row that the API authorises by; its deletion ends the grant. */
export async function reconcileRoleBinding(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const examined = await steps.examineResource(ref);
    if (examined.next === 'retire') return steps.retireRoleBinding(ref);
    if (examined.next === 'nothing') return examined.outcome;
    return steps.provisionRoleBinding(ref);
  });
}
