import type { Domain, Organisation, SchemaDefinition } from '../../contract/kinds.ts';
import { postgresName } from '../../schema/identifier.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';
import { identifyDomain } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/**
 * Two tenants must never share a namespace: `a-b` + `c` + `d` and `a` + `b-c` + `d` are both
 * `a-b-c-d`, in resources and in Postgres, and so is an organisation that is called `a-b-c-d`.
 */
export function* namespaceCollisions(
  resource: Organisation | Domain,
  view: AdmissionView,
): Iterable<Finding> {
  if (resource.kind === 'Organisation') yield* collisionsOfOrganisation(resource, view);
  else yield* collisionsOfDomain(resource, view);
}

function* collisionsOfOrganisation({ metadata }: Organisation, view: AdmissionView) {
  const [domain] = view.list('Domain', metadata.name);
  if (domain === undefined) return;
  const message = `"${metadata.name}" is already the namespace of a domain.`;
  const hint = 'Choose another name for the organisation.';
  yield refuse(at('metadata', 'name'), 'namespace-collision', message, hint);
}

function* collisionsOfDomain(domain: Domain, view: AdmissionView): Iterable<Finding> {
  const identity = identifyDomain(domain);
  if (identity === undefined) return;
  const { namespace } = domain.metadata;
  const hint = 'Choose another name for the domain or its application.';

  if (view.find('Organisation', namespace, namespace) !== undefined) {
    const message = `"${namespace}" is already the namespace of the organisation of that name.`;
    yield refuse(at('metadata', 'namespace'), 'namespace-collision', message, hint);
  }
  // The same key with another application is the same namespace read for another tenant.
  const stored = view.findStored<'Domain'>(domain);
  if (stored !== undefined && stored.spec.app !== domain.spec.app) {
    const message = `"${namespace}" is already the namespace of the same domain in application "${stored.spec.app}".`;
    yield refuse(at('spec', 'app'), 'namespace-collision', message, hint);
  }
  const pgNamespace = pgNamespaceOf(domain);
  for (const other of view.list('Domain')) {
    const same =
      other.metadata.namespace === namespace && other.metadata.name === domain.metadata.name;
    if (same || pgNamespaceOf(other) !== pgNamespace) continue;
    const message = `Namespace "${pgNamespace}" of Postgres is already that of another domain.`;
    yield refuse(at('metadata', 'namespace'), 'namespace-collision', message, hint);
  }
}

function pgNamespaceOf(domain: Domain): string | undefined {
  const identity = identifyDomain(domain);
  if (identity === undefined) return undefined;
  return postgresName(identity.organisation, identity.application, identity.domain);
}

/** Two objects of a domain whose tables would have one name: `a-v1` at `v2` and `a` at `v1-v2`. */
export function* tableCollisions(schema: SchemaDefinition, view: AdmissionView): Iterable<Finding> {
  const { namespace, name } = schema.metadata;
  const table = postgresName(name, schema.spec.version);
  for (const other of view.list('SchemaDefinition', namespace)) {
    if (other.metadata.name === name) continue;
    if (postgresName(other.metadata.name, other.spec.version) !== table) continue;
    const message = `Table "${table}" is already that of schema "${other.metadata.name}" ${other.spec.version}.`;
    const hint = 'Choose another name for the schema.';
    yield refuse(at('metadata', 'name'), 'namespace-collision', message, hint);
  }
}
