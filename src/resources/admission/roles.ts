import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
import { domainOf } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/** A role is granted its operations in one place, so that nobody has to add up several. */
export function* roleNames({ spec }: SchemaDefinition): Iterable<Finding> {
  const seen = new Map<string, number>();
  for (const [i, { role }] of (spec.access.roles ?? []).entries()) {
    const first = seen.get(role);
    if (first === undefined) {
      seen.set(role, i);
      continue;
    }
    const message = `Entries ${first} and ${i} both grant to role "${role}".`;
    const hint = 'List the operations of a role in one entry.';
    yield refuse(at('spec', 'access', 'roles', i, 'role'), 'duplicate-role', message, hint);
  }
}

/** A rule for a role that may do nothing has no effect: most likely a misspelling. */
export function* rolesWithoutGrants(
  { metadata, spec }: SchemaDefinition,
  view: AdmissionView,
): Iterable<Finding> {
  const access = domainOf(metadata.namespace, view)?.spec.access;
  const granted = new Set([
    ...(spec.access.roles ?? []).map(({ role }) => role),
    // It may do everything on every schema of its domain, without being listed.
    ...(access === undefined ? [] : [access.adminRole]),
  ]);
  const used = new Map<string, string>();
  const use = (roles: readonly string[] | undefined, where: string) => {
    for (const role of roles ?? []) if (!used.has(role)) used.set(role, where);
  };
  for (const { role } of spec.access.rowFilter ?? []) use([role], 'a row filter');
  for (const field of spec.fields) {
    use(field.access?.read, `access.read of field "${field.name}"`);
    use(field.access?.write, `access.write of field "${field.name}"`);
    use(field.mask?.unmaskedFor, `mask.unmaskedFor of field "${field.name}"`);
  }
  for (const [role, where] of used) {
    if (granted.has(role)) continue;
    yield warn(`Role "${role}", named in ${where}, is granted no operation by access.roles.`);
  }
  if (granted.size === 0)
    yield warn('No role is granted any operation: nobody can use this schema.');
}
