import type { Domain, Resource } from '../../contract/kinds.ts';
import { platformOrganisation } from '../../contract/names.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse } from './finding.ts';
import { belongs, domainOf, identifyDomain } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

const namePattern = /^[a-z][a-z0-9-]*$/;

/** A label of DNS, which Kubernetes wants for a namespace, and a part of a URL. */
const nameLengthMax = 63;

/** Postgres keeps every namespace whose name begins with `pg_` for itself. */
const postgresPrefix = 'pg';

export function* resourceNames({ metadata }: Resource): Iterable<Finding> {
  const hint = 'Use lower-case letters, digits and hyphens, a letter first: purchase-order.';
  if (!namePattern.test(metadata.name) || metadata.name.length > nameLengthMax) {
    const message = `"${metadata.name}" is not a resource name of at most ${nameLengthMax} characters.`;
    yield refuse(at('metadata', 'name'), 'resource-name', message, hint);
  }
  if (!namePattern.test(metadata.namespace)) {
    const message = `"${metadata.namespace}" is not the name of a namespace.`;
    yield refuse(at('metadata', 'namespace'), 'resource-name', message, hint);
  }
}

/** Organisation and Application live in `{org}`, everything else in `{org}-{app}-{domain}`. */
export function* namespaceOfParents(resource: Resource, view: AdmissionView): Iterable<Finding> {
  switch (resource.kind) {
    case 'Organisation':
      yield* inNamespace(resource, resource.metadata.name);
      yield* unreserved(resource.metadata.name, at('metadata', 'name'));
      return;
    case 'Application':
      yield* inNamespace(resource, resource.spec.org);
      yield* unreserved(resource.spec.org, at('spec', 'org'));
      return;
    case 'Domain':
      yield* namespaceOfDomain(resource, view);
      return;
    default:
      yield* insideDomain(resource, view);
  }
}

function* inNamespace(resource: Resource, expected: string): Iterable<Finding> {
  const { namespace } = resource.metadata;
  if (namespace === expected) return;
  const message = `${resource.kind} "${resource.metadata.name}" is in namespace "${namespace}".`;
  const hint = `It belongs in the namespace of its organisation: "${expected}".`;
  yield refuse(at('metadata', 'namespace'), 'namespace-of-parents', message, hint);
}

function* namespaceOfDomain(domain: Domain, view: AdmissionView): Iterable<Finding> {
  const identity = identifyDomain(domain);
  if (identity !== undefined) {
    yield* unreserved(identity.organisation, at('metadata', 'namespace'));
    return;
  }
  const ending = `-${domain.spec.app}-${domain.metadata.name}`;
  const owners = view
    .list('Application')
    .filter(({ metadata }) => metadata.name === domain.spec.app)
    // Only where the author already is: other organisations are none of their business.
    .filter(({ spec }) => belongs(domain.metadata.namespace, spec.org))
    .map(({ spec }) => `${spec.org}${ending}`);
  const message = `Domain "${domain.metadata.name}" of application "${domain.spec.app}" is in namespace "${domain.metadata.namespace}".`;
  const hint =
    owners.length > 0
      ? `Its namespace is its parents' names: ${quoted(owners)}.`
      : `Its namespace is {organisation}${ending}.`;
  yield refuse(at('metadata', 'namespace'), 'namespace-of-parents', message, hint);
}

function* insideDomain(resource: Resource, view: AdmissionView): Iterable<Finding> {
  const { namespace } = resource.metadata;
  if (domainOf(namespace, view) !== undefined) return;
  const isOrganisation = view.find('Organisation', namespace, namespace) !== undefined;
  // Three names and two hyphens between them; fewer can never become the namespace of a domain.
  if (!isOrganisation && namespace.split('-').length >= 3) return;
  const known = view
    .list('Domain')
    .filter((domain) => isNear(domain, namespace))
    .map(({ metadata }) => metadata.namespace);
  const message = `${resource.kind} "${resource.metadata.name}" is in namespace "${namespace}", which is not a domain's.`;
  const hint =
    known.length > 0
      ? `Put it into a domain's namespace: ${quoted(known)}.`
      : "Put it into its domain's namespace, {organisation}-{application}-{domain}.";
  yield refuse(at('metadata', 'namespace'), 'namespace-of-parents', message, hint);
}

/** Of the organisation that the namespace was meant for: "acme" is told nothing of "acme-labs". */
function isNear(domain: Domain, namespace: string): boolean {
  const organisation = identifyDomain(domain)?.organisation;
  return (
    domain.metadata.namespace.startsWith(`${namespace}-`) &&
    organisation !== undefined &&
    belongs(namespace, organisation)
  );
}

function* unreserved(organisation: string, pointer: string): Iterable<Finding> {
  if (organisation === platformOrganisation) {
    const message = `The organisation "${organisation}" is the platform's own.`;
    yield refuse(pointer, 'reserved-name', message, 'Choose another name for the organisation.');
  }
  if (organisation === postgresPrefix || organisation.startsWith(`${postgresPrefix}-`)) {
    const message = `Postgres keeps names that begin with "pg_" for itself, and "${organisation}" would make one.`;
    yield refuse(pointer, 'reserved-name', message, 'Choose another name for the organisation.');
  }
}
