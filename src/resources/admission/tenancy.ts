import type { Domain } from '../../contract/kinds.ts';
import type { AdmissionView } from './view.ts';

export interface DomainIdentity {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
}

/**
 * Who a domain belongs to. The namespace `{org}-{app}-{domain}` alone is ambiguous, as each part may
 * hold a hyphen; with the domain's own name and `spec.app` only one reading is left. Undefined when
 * the namespace does not end in `-{app}-{domain}`.
 */
export function identifyDomain({ metadata, spec }: Domain): DomainIdentity | undefined {
  const ending = `-${spec.app}-${metadata.name}`;
  if (!metadata.namespace.endsWith(ending)) return undefined;
  const organisation = metadata.namespace.slice(0, -ending.length);
  if (!/^[a-z][a-z0-9-]*$/.test(organisation)) return undefined;
  return { organisation, application: spec.app, domain: metadata.name };
}

/** The domain that a namespace is, when it exists. */
export function domainOf(namespace: string, view: AdmissionView): Domain | undefined {
  return view.list('Domain', namespace)[0];
}

/** The organisation that a namespace belongs to; undefined while its domain does not exist. */
export function organisationOf(namespace: string, view: AdmissionView): string | undefined {
  const domain = domainOf(namespace, view);
  if (domain !== undefined) return identifyDomain(domain)?.organisation;
  return view.find('Organisation', namespace, namespace)?.metadata.name;
}

/**
 * Whether two namespaces are of different organisations, as far as can be told: without a domain to
 * ask, a namespace still must begin with its organisation's name.
 */
export function crossesOrganisations(from: string, to: string, view: AdmissionView): boolean {
  if (from === to) return false;
  const source = organisationOf(from, view);
  const target = organisationOf(to, view);
  if (source !== undefined && target !== undefined) return source !== target;
  if (source !== undefined) return !belongs(to, source);
  if (target !== undefined) return !belongs(from, target);
  return from.split('-', 1)[0] !== to.split('-', 1)[0];
}

/** Whether a namespace can be of an organisation, going by its name alone. */
export function belongs(namespace: string, organisation: string): boolean {
  return namespace === organisation || namespace.startsWith(`${organisation}-`);
}
