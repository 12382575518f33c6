import type { Resource } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { identifyDomain } from '../resources/admission/tenancy.ts';
import { concludeReady, letGo, refuseDeletion } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { deleteApplication, projectApplication } from './sql/project-application.ts';
import { deleteOrganisation, projectOrganisation } from './sql/project-organisation.ts';

/** Names listed in a refusal; more would not fit a screen. */
const namesShownMax = 5;

/** An organisation owns nothing in the database but its own row: its domains do. */
export async function provisionOrganisation(
  deps: ActivityDeps,
  ref: ResourceRef,
): Promise<Outcome> {
  const organisation = await findOfKind(deps.store, 'Organisation', ref);
  if (organisation === undefined) return gone;
  await projectOrganisation(deps.pool, organisation);
  const message = `applications may be added in namespace ${ref.namespace}`;
  return concludeReady(deps, organisation, { reason: 'Provisioned', message });
}

export async function retireOrganisation(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const organisation = await findOfKind(deps.store, 'Organisation', ref);
  if (organisation === undefined) return gone;
  const applications = await deps.store.list({ kind: 'Application', namespace: ref.namespace });
  if (applications.length === 0) await deleteOrganisation(deps.pool, ref.name);
  return retireWithout(deps, organisation, applications);
}

export async function provisionApplication(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const application = await findOfKind(deps.store, 'Application', ref);
  if (application === undefined) return gone;
  await projectApplication(deps.pool, application);
  const { org } = application.spec;
  const message = `domains may be added in namespaces ${org}-${ref.name}-{domain}`;
  return concludeReady(deps, application, { reason: 'Provisioned', message });
}

export async function retireApplication(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const application = await findOfKind(deps.store, 'Application', ref);
  if (application === undefined) return gone;
  const domains = (await deps.store.list({ kind: 'Domain' })).filter((domain) => {
    const identity = domain.kind === 'Domain' ? identifyDomain(domain) : undefined;
    return (
      identity?.organisation === application.spec.org &&
      identity.application === application.metadata.name
    );
  });
  if (domains.length === 0) await deleteApplication(deps.pool, application);
  return retireWithout(deps, application, domains);
}

async function retireWithout(
  deps: ActivityDeps,
  resource: Resource,
  children: readonly Resource[],
): Promise<Outcome> {
  if (children.length === 0) return letGo(deps, resource);
  return refuseDeletion(deps, resource, {
    reason: 'HoldsResources',
    message: `delete what it holds first: ${nameThem(children)}`,
  });
}

export function nameThem(resources: readonly Resource[]): string {
  const shown = resources
    .slice(0, namesShownMax)
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
  const more = resources.length - shown.length;
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
}
