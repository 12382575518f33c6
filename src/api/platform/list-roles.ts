import type { KeyScope } from '../../contract/identity.ts';
import type { Operation, RoleBinding } from '../../contract/kinds.ts';
import type { DomainEntry, RegistrySnapshot } from '../../resources/registry/snapshot.ts';

/** One role of one domain: what it may do there, and who holds it. */
export interface RoleView {
  readonly namespace: string;
  readonly role: string;
  /** What the domain or the organisation makes of it, beside what schemas grant. */
  readonly is?: readonly ('admin' | 'default' | 'diagnostics' | 'organisation-admin')[];
  readonly grants: readonly {
    readonly schema: string;
    readonly version: string;
    readonly operations: readonly Operation[];
  }[];
  readonly holders: readonly RoleHolder[];
}

interface RoleHolder {
  readonly actor: string;
  /** Name of the RoleBinding. */
  readonly binding: string;
  readonly scopes?: readonly KeyScope[];
  readonly expiresAt?: string;
  /** Ended by itself: it is listed, and counts no more. */
  readonly expired?: true;
  readonly grantedBy?: string;
}

export interface RolesQuestion {
  readonly snapshot: RegistrySnapshot;
  readonly domains: readonly DomainEntry[];
  /** Of those domains. */
  readonly bindings: readonly RoleBinding[];
  readonly nowMs: number;
}

/** Roles that schemas, domains or bindings name, in the order of their namespaces and names. */
export function listRoles({ snapshot, domains, bindings, nowMs }: RolesQuestion): RoleView[] {
  return domains.flatMap((domain) => {
    const { namespace, organisation, access } = domain;
    const schemas = [...snapshot.targets.values()].filter((one) => one.namespace === namespace);
    const held = bindings.filter(({ metadata }) => metadata.namespace === namespace);
    const reserved = snapshot.adminRoles.get(organisation) ?? [];
    const names = new Set([
      ...[access.adminRole, access.defaultRole, access.diagnosticsRole].filter(Boolean),
      ...schemas.flatMap(({ spec }) => (spec.access.roles ?? []).map(({ role }) => role)),
      ...held.flatMap(({ spec }) => spec.roles),
    ] as string[]);
    return [...names].toSorted().map((role) => {
      const is = [
        access.adminRole === role && ('admin' as const),
        access.defaultRole === role && ('default' as const),
        access.diagnosticsRole === role && ('diagnostics' as const),
        reserved.includes(role) && ('organisation-admin' as const),
      ].filter((one) => one !== false);
      const grants = schemas.flatMap(({ name, version, spec }) =>
        (spec.access.roles ?? [])
          .filter((grant) => grant.role === role)
          .map(({ operations }) => ({ schema: name, version, operations })),
      );
      const holders = held
        .filter(({ spec }) => spec.roles.includes(role))
        .map((binding) => holderOf(binding, nowMs));
      return { namespace, role, ...(is.length > 0 && { is }), grants, holders };
    });
  });
}

function holderOf({ metadata, spec }: RoleBinding, nowMs: number): RoleHolder {
  const { actorId, scopes = [], expiresAt, grantedBy } = spec;
  return {
    actor: actorId,
    binding: metadata.name,
    ...(scopes.length > 0 && { scopes: scopes as readonly KeyScope[] }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(expiresAt !== undefined && Date.parse(expiresAt) <= nowMs && { expired: true }),
    ...(grantedBy !== undefined && { grantedBy }),
  };
}
