import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { steps, thenDeploy } from './steps.ts';
import { untilSettled } from './until-settled.ts';

/** A domain becomes a Postgres namespace and the role that its records are reached by. */
export async function reconcileDomain(ref: ResourceRef): Promise<Outcome> {
  return untilSettled(ref, async () => {
    const examined = await steps.examineResource(ref);
    if (examined.next === 'retire') return thenDeploy(ref, await steps.retireDomain(ref));
    if (examined.next === 'nothing') return examined.outcome;
    return thenDeploy(ref, await steps.provisionDomain(ref));
  });
}
