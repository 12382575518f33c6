import type { ResourceRef } from '../contract/names.ts';
import { reconcilers } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { identifyDomain } from '../resources/admission/tenancy.ts';
import { findDomain } from '../resources/plans/sql/find-domain.ts';
import { domainPlace, planDomain, planDomainRetirement } from '../schema/plan-domain.ts';
import { sqlState } from '../store/database-error.ts';
import { concludeNotReady, concludeReady, letGo, refuseDeletion } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { runDdl } from './run-ddl.ts';
import { deleteDomain } from './sql/delete-domain.ts';
import { projectDomain } from './sql/project-domain.ts';
import { nameThem } from './tenant-activities.ts';

const dependentObjectsStillExist = '2BP01';

export async function provisionDomain(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const domain = await findOfKind(deps.store, 'Domain', ref);
  if (domain === undefined) return gone;
  const identity = identifyDomain(domain);
  if (identity === undefined) {
    const message = `namespace ${ref.namespace} does not end in -${domain.spec.app}-${ref.name}`;
    const failed = { phase: 'Failed', reason: 'SpecNotSupported', message } as const;
    return concludeNotReady(deps, domain, failed);
  }
  const place = domainPlace(identity.organisation, identity.application, identity.domain);
  await runDdl(deps, async (tx) => {
    for (const { sql } of planDomain(place)) await tx.query({ text: sql });
    await projectDomain(tx, { domain, identity, ...place });
  });
  const message = `schemas live in the Postgres namespace ${place.pgNamespace}`;
  return concludeReady(deps, domain, { reason: 'Provisioned', message });
}

/** The domain must be empty: what it held would be neither served nor reachable any more. */
export async function retireDomain(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const domain = await findOfKind(deps.store, 'Domain', ref);
  if (domain === undefined) return gone;
  const held = (await deps.store.list({ namespace: ref.namespace })).filter(
    ({ kind }) => kind !== 'Domain' && Object.hasOwn(reconcilers, kind),
  );
  if (held.length > 0) {
    const message = `delete what it holds first: ${nameThem(held)}`;
    return refuseDeletion(deps, domain, { reason: 'HoldsResources', message });
  }
  const place = await findDomain(deps.pool, ref.namespace);
  if (place === undefined) return letGo(deps, domain);
  try {
    await runDdl(deps, async (tx) => {
      await deleteDomain(tx, ref.namespace);
      for (const { sql } of planDomainRetirement(place)) await tx.query({ text: sql });
    });
  } catch (error) {
    if (sqlState(error) !== dependentObjectsStillExist) throw error;
    // Somebody's own tables or views: ours are gone with their schemas.
    const message = `the Postgres namespace ${place.pgNamespace} holds objects that are not Velocity's; drop them by hand`;
    return refuseDeletion(deps, domain, { reason: 'NamespaceNotEmpty', message });
  }
  return letGo(deps, domain);
}
