import type { Domain, NamespacedName, Resource } from '../../contract/kinds.ts';
import { fieldReferences } from './field-references.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';
import { crossesOrganisations, organisationOf } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/**
 * References by `{name, namespace}` stay inside their organisation. A target that does not exist is
 * no error here: the referrer waits for it and its status says so.
 */
export function* resourceReferences(resource: Resource, view: AdmissionView): Iterable<Finding> {
  const { namespace } = resource.metadata;
  for (const { pointer, target } of referencesOf(resource)) {
    if (!crossesOrganisations(namespace, target.namespace, view)) continue;
    const organisation = organisationOf(namespace, view) ?? namespace.split('-', 1)[0];
    const message = `"${target.name}" in namespace "${target.namespace}" is another organisation's.`;
    const hint = `Refer to a resource of organisation "${organisation}".`;
    yield refuse(`${pointer}/namespace`, 'cross-organisation', message, hint);
  }
}

/**
 * Whose a namespace is shows when its domain arrives. What was admitted before, going by the name of
 * the namespace, may then refer to another organisation; so the domain is refused.
 */
export function* referencesBeforeDomain(domain: Domain, view: AdmissionView): Iterable<Finding> {
  const { namespace } = domain.metadata;
  const foreign = [
    ...view
      .list('SchemaDefinition', namespace)
      .filter((schema) =>
        isForeign([...resourceReferences(schema, view), ...fieldReferences(schema, view)]),
      ),
    ...view
      .list('AuthStrategy', namespace)
      .filter((strategy) => isForeign([...resourceReferences(strategy, view)])),
  ];
  for (const { kind, metadata } of foreign) {
    const message = `${kind} "${metadata.name}", which is there already, refers to another organisation.`;
    const hint = 'Change or delete it first.';
    yield refuse(at('metadata', 'namespace'), 'cross-organisation', message, hint);
  }
}

function isForeign(findings: readonly Finding[]): boolean {
  return findings.some(
    (finding) => 'problem' in finding && finding.problem.rule === 'cross-organisation',
  );
}

interface Reference {
  readonly pointer: string;
  readonly target: NamespacedName;
}

function referencesOf(resource: Resource): Reference[] {
  switch (resource.kind) {
    case 'Organisation':
      return reference(at('spec', 'defaultAuthStrategy'), resource.spec.defaultAuthStrategy);
    case 'Application':
      return reference(at('spec', 'authStrategy'), resource.spec.authStrategy);
    case 'AuthStrategy':
      return (resource.spec.config.children ?? []).flatMap((child, i) =>
        reference(at('spec', 'config', 'children', i), child),
      );
    case 'SchemaDefinition': {
      const { auth, archive } = resource.spec;
      return [
        ...reference(at('spec', 'auth', 'strategyRef'), auth.strategyRef),
        ...(auth.overrides ?? []).flatMap((override, i) =>
          reference(at('spec', 'auth', 'overrides', i, 'strategyRef'), override.strategyRef),
        ),
        ...reference(at('spec', 'archive', 'policyRef'), archive?.policyRef),
      ];
    }
    default:
      return [];
  }
}

function reference(pointer: string, target: NamespacedName | undefined): Reference[] {
  return target === undefined ? [] : [{ pointer, target }];
}
