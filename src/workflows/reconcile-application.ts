import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { steps, thenDeploy } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** An application holds domains; it stays until the last of them is gone. */
export async function reconcileApplication(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const examined = await steps.examineResource(ref);
    if (examined.next === 'retire') return thenDeploy(ref, await steps.retireApplication(ref));
    if (examined.next === 'nothing') return examined.outcome;
    return thenDeploy(ref, await steps.provisionApplication(ref));
  });
}
