import { isIP } from 'node:net';
import type { ApiKey, Domain, Resource, RoleBinding } from '../../contract/kinds.ts';
import { platformAdminRole } from '../../contract/names.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

/** Only the bootstrap key is platform-admin: no resource can grant it or give it a meaning. */
export function* reservedRoles(resource: Resource): Iterable<Finding> {
  for (const [pointer, role] of rolesOf(resource)) {
    if (role !== platformAdminRole) continue;
    const message = `Role "${role}" belongs to the platform's bootstrap key alone.`;
    yield refuse(pointer, 'reserved-role', message, 'Name a role of your own.');
  }
}

function rolesOf(resource: Resource): (readonly [pointer: string, role: string])[] {
  switch (resource.kind) {
    case 'RoleBinding':
      return resource.spec.roles.map((role, i) => [at('spec', 'roles', i), role]);
    case 'Organisation':
      return (resource.spec.adminRoles ?? []).map((role, i) => [at('spec', 'adminRoles', i), role]);
    case 'Domain':
      return Object.entries(resource.spec.access).map(([member, role]) => [
        at('spec', 'access', member),
        role,
      ]);
    case 'SchemaDefinition':
      return (resource.spec.access.roles ?? []).map(({ role }, i) => [
        at('spec', 'access', 'roles', i, 'role'),
        role,
      ]);
    default:
      return [];
  }
}

/** Everybody with a binding in the domain holds the default role. */
export function* domainRoles({ spec }: Domain): Iterable<Finding> {
  const { adminRole, defaultRole } = spec.access;
  if (adminRole !== defaultRole) return;
  const message = `"${adminRole}" is both adminRole and defaultRole: everybody in the domain would be its administrator.`;
  const hint = 'Give the default role another name.';
  yield refuse(at('spec', 'access', 'defaultRole'), 'domain-roles', message, hint);
}

/** `grantedBy` is the platform's own word, so this holds however the binding was written. */
export function* selfGrants({ spec }: RoleBinding): Iterable<Finding> {
  if (spec.grantedBy !== spec.actorId) return;
  const message = `"${spec.actorId}" would grant roles to themselves.`;
  const hint = 'Ask another administrator for the binding.';
  yield refuse(at('spec', 'actorId'), 'self-grant', message, hint);
}

/** A scope that names an unknown schema grants nothing until that schema exists. */
export function* namedSchemas(
  { kind, metadata, spec }: RoleBinding | ApiKey,
  view: AdmissionView,
): Iterable<Finding> {
  const known = view
    .list('SchemaDefinition', metadata.namespace)
    .map((schema) => schema.metadata.name);
  const missing = new Set((spec.scopes ?? []).map(({ schema }) => schema));
  for (const name of ['*', ...known]) missing.delete(name);
  if (missing.size === 0) return;
  yield warn(
    `${kind} "${metadata.name}" is scoped to ${quoted(missing)}, not a schema of namespace "${metadata.namespace}" so far.`,
  );
}

/** The structure has looked at the characters; whether they make an address is said here. */
export function* keyAddresses({ spec }: ApiKey): Iterable<Finding> {
  for (const [i, cidr] of (spec.ipAllowlist ?? []).entries()) {
    if (isCidr(cidr)) continue;
    const message = `"${cidr}" is not a network.`;
    const hint = 'Give an address and a prefix length: 10.0.0.0/8 or 2001:db8::/32.';
    yield refuse(at('spec', 'ipAllowlist', i), 'cidr', message, hint);
  }
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^[0-9]{1,3}$/.test(prefix)) return false;
  return Number(prefix) <= (family === 4 ? 32 : 128);
}
