import type { Identity } from '../../contract/identity.ts';
import type { Kind } from '../../contract/kinds.ts';
import { platformOrganisation } from '../../contract/names.ts';
import { VelocityError } from '../../errors.ts';
import { organisationOf } from '../../resources/registry/organisation-of.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';

/** What a caller administers. Pure: made from the snapshot and the clock for one request. */
export interface PlatformAccess {
  /** The bootstrap key: everything, everywhere. */
  readonly everything: boolean;
  /** Holds one of its organisation's adminRoles. */
  readonly organisationAdmin: boolean;
  /** Administers at least one namespace. */
  readonly anything: boolean;
  readonly organisation: string;
  readonly actor: string;
  administers(namespace: string): boolean;
}

/**
 * Deny by default. A key with scopes was made for records and administers nothing, whoever holds it:
 * its scopes could not express how far.
 */
export function decidePlatformAccess(
  identity: Identity,
  snapshot: RegistrySnapshot,
  nowMs: number,
): PlatformAccess {
  const { organisation, actor } = identity;
  if (identity.platformAdmin) {
    const all = { everything: true, organisationAdmin: true, anything: true };
    return { ...all, organisation, actor, administers: () => true };
  }
  const roles = explicitRoles(identity, snapshot, nowMs);
  // What a token carries counts in the whole organisation of the strategy that accepted it.
  const tokenRoles: ReadonlySet<string> = new Set(identity.roles);
  const adminRoles = snapshot.adminRoles.get(organisation) ?? [];
  const held = new Set([...tokenRoles, ...[...roles.values()].flatMap((names) => [...names])]);
  const organisationAdmin = adminRoles.some((role) => held.has(role));
  const administers = (namespace: string): boolean => {
    if (organisationOf(namespace, snapshot) !== organisation) return false;
    if (organisationAdmin) return true;
    const domain = snapshot.domains.get(namespace);
    if (domain === undefined) return false;
    const { adminRole } = domain.access;
    return tokenRoles.has(adminRole) || roles.get(namespace)?.has(adminRole) === true;
  };
  const anything =
    organisationAdmin ||
    [...(tokenRoles.size > 0 ? snapshot.domains : roles).keys()].some(administers);
  return { everything: false, organisationAdmin, anything, organisation, actor, administers };
}

/**
 * Roles that a live binding names, by namespace. A domain's default role counts for its records but
 * never here, or an administrator of one domain could make it an administrator of all.
 */
function explicitRoles(
  identity: Identity,
  snapshot: RegistrySnapshot,
  nowMs: number,
): Map<string, Set<string>> {
  const roles = new Map<string, Set<string>>();
  if (identity.keyScopes !== undefined) return roles;
  for (const binding of snapshot.bindings.get(`${identity.organisation}\n${identity.actor}`) ??
    []) {
    if (binding.expiresAt !== undefined && binding.expiresAt <= nowMs) continue;
    // A binding with scopes is for the records of some schemas, not for the domain.
    if (binding.scopes.length > 0) continue;
    const known = roles.get(binding.namespace) ?? new Set<string>();
    for (const role of binding.roles) known.add(role);
    roles.set(binding.namespace, known);
  }
  return roles;
}

/** 404 for another organisation's namespaces, so that none can be guessed; 403 within one's own. */
export function requireAdministration(
  access: PlatformAccess,
  snapshot: RegistrySnapshot,
  namespace: string,
): void {
  if (access.administers(namespace)) return;
  if (organisationOf(namespace, snapshot) !== access.organisation) {
    throw new VelocityError(
      'ENTITY_NOT_FOUND',
      `There is no namespace ${JSON.stringify(namespace)}.`,
    );
  }
  throw denied(
    `You do not administer ${namespace}.`,
    'It takes one of the organisation’s adminRoles or the domain’s adminRole.',
  );
}

export function requireSomeAdministration(access: PlatformAccess): void {
  if (access.anything) return;
  throw denied(
    'You administer nothing.',
    'It takes one of the organisation’s adminRoles or a domain’s adminRole.',
  );
}

export interface WrittenResource {
  readonly kind: Kind;
  readonly namespace: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What administering a namespace does not include: more rights than the caller was given. */
export function requireNoEscalation(
  access: PlatformAccess,
  snapshot: RegistrySnapshot,
  { kind, namespace, spec }: WrittenResource,
): void {
  if (access.everything) return;
  if (kind === 'Organisation') {
    throw denied(
      'Organisations are written by the platform’s administrator.',
      'They set quotas and administrators.',
    );
  }
  if (namespace === platformOrganisation) {
    throw denied('The platform’s own namespace is not written by others.', undefined);
  }
  if (kind === 'RoleBinding') requireHonestBinding(access, snapshot, namespace, spec);
  if (kind === 'ApiKey') requireOwnActor(access, snapshot, spec['actor']);
  if (kind === 'AuthStrategy') requireOwnCallers(access, spec['type']);
}

/**
 * Whoever says which tokens are believed can be anybody in the organisation. API keys prove
 * themselves, and a composite strategy only names others.
 */
function requireOwnCallers(access: PlatformAccess, type: unknown): void {
  if (access.organisationAdmin || !['jwt', 'oidc', 'none'].includes(String(type))) return;
  throw denied(
    `A strategy of type ${String(type)} speaks for every actor of the organisation.`,
    'One of the organisation’s administrators writes it.',
  );
}

function requireHonestBinding(
  access: PlatformAccess,
  snapshot: RegistrySnapshot,
  namespace: string,
  spec: Readonly<Record<string, unknown>>,
): void {
  if (spec['actorId'] === access.actor) {
    throw denied(
      'Nobody grants roles to themselves.',
      'Ask another administrator for the binding.',
    );
  }
  if (access.organisationAdmin) return;
  const organisation = organisationOf(namespace, snapshot);
  const reserved = new Set(snapshot.adminRoles.get(organisation ?? '') ?? []);
  const roles = Array.isArray(spec['roles']) ? spec['roles'] : [];
  const taken = roles.find((role) => reserved.has(String(role)));
  if (taken !== undefined) {
    throw denied(
      `The role "${String(taken)}" administers the whole organisation.`,
      'Only one of its administrators grants it.',
    );
  }
}

/**
 * A key acts as its actor everywhere in the organisation. So a domain's administrator makes keys for
 * themselves and for actors of that domain alone who administer nothing: with the key of another
 * administrator one person would be both of those whom four eyes ask for.
 */
function requireOwnActor(access: PlatformAccess, snapshot: RegistrySnapshot, actor: unknown): void {
  if (access.organisationAdmin || actor === access.actor) return;
  const bindings = snapshot.bindings.get(`${access.organisation}\n${String(actor)}`) ?? [];
  const hint = 'One of the organisation’s administrators makes its keys.';
  if (bindings.some((binding) => !access.administers(binding.namespace))) {
    throw denied('This actor also has roles that you do not administer.', hint);
  }
  const reserved = snapshot.adminRoles.get(access.organisation) ?? [];
  const isAdmin = bindings.some(({ namespace, roles }) => {
    const adminRole = snapshot.domains.get(namespace)?.access.adminRole;
    return roles.some((role) => role === adminRole || reserved.includes(role));
  });
  if (isAdmin) throw denied('This actor is an administrator as well.', hint);
}

function denied(message: string, hint: string | undefined): VelocityError {
  return new VelocityError('RBAC_DENIED', message, hint === undefined ? {} : { hint });
}
