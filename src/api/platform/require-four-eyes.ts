import type { Approvals, Domain } from '../../contract/kinds.ts';
import { VelocityError } from '../../errors.ts';
import type { ResourceStore } from '../../resources/store.ts';
import type { PlatformAccess, WrittenResource } from './platform-access.ts';

const hint = 'One of the organisation’s administrators does this.';

/**
 * A domain that asks for a second person would ask in vain if its administrator could take the
 * question back or make up that person. Both are for the organisation's administrators.
 */
export async function requireFourEyesKept(
  resources: Pick<ResourceStore, 'list'>,
  access: PlatformAccess,
  { kind, namespace, spec }: WrittenResource,
  verb: 'write' | 'delete' = 'write',
): Promise<void> {
  if (access.organisationAdmin || (kind !== 'Domain' && kind !== 'RoleBinding')) return;
  const domains = (await resources.list({ kind: 'Domain', namespace, live: true })) as Domain[];
  for (const { spec: present } of domains) {
    const asked = askedFor(present.approvals);
    if (kind === 'RoleBinding') {
      if (asked.size > 0) requireNoNewAdmin(present, spec);
    } else if (verb === 'delete') {
      if (asked.size > 0) throw denied(`${namespace} asks for a second person.`);
    } else {
      requireSameDomainRules(present, spec);
    }
  }
}

function requireNoNewAdmin(
  { access }: Domain['spec'],
  spec: Readonly<Record<string, unknown>>,
): void {
  const roles = Array.isArray(spec['roles']) ? spec['roles'] : [];
  if (!roles.includes(access.adminRole)) return;
  throw denied(
    `The role "${access.adminRole}" makes a second person of a domain that asks for one.`,
  );
}

function requireSameDomainRules(
  present: Domain['spec'],
  wanted: Readonly<Record<string, unknown>>,
): void {
  const next = wanted as Partial<Domain['spec']>;
  const kept = askedFor(next.approvals);
  const lost = [...askedFor(present.approvals)].find((one) => !kept.has(one));
  if (lost !== undefined) throw denied(`approvals.${lost} cannot be taken back from here.`);
  if (next.access?.adminRole !== present.access.adminRole) {
    throw denied(`access.adminRole cannot be changed from "${present.access.adminRole}" here.`);
  }
}

/** Manifests come before their defaults do: approvals that leave fourEyes out mean true. */
function askedFor(approvals: Approvals | null | undefined): ReadonlySet<keyof Approvals> {
  const asked = new Set<keyof Approvals>();
  if (typeof approvals !== 'object' || approvals === null) return asked;
  if ((approvals.fourEyes ?? true) === true) asked.add('fourEyes');
  if (approvals.plans === true) asked.add('plans');
  return asked;
}

function denied(message: string): VelocityError {
  return new VelocityError('RBAC_DENIED', message, { hint });
}
