import type { FieldMask, Operation } from '../contract/kinds.ts';
import type { CompiledSchema } from './compile.ts';

/** Roles that the schema's own list grants the operation; the domain's admin role has every one. */
export function rolesGranting({ spec }: Pick<CompiledSchema, 'spec'>, operation: Operation) {
  return (spec.access.roles ?? [])
    .filter((grant) => grant.operations.includes(operation) || grant.operations.includes('*'))
    .map((grant) => grant.role);
}

/** Whether one of the roles is among those that a field's rule wants; without a rule any is. */
export function holdsAny(
  wanted: ReadonlySet<string> | undefined,
  roles: ReadonlySet<string>,
  { access }: { readonly access: { readonly adminRole: string } },
): boolean {
  if (wanted === undefined || roles.has(access.adminRole)) return true;
  for (const role of wanted) if (roles.has(role)) return true;
  return false;
}

/** Whether one of the roles is shown what a mask hides; the domain's admin role is, as in layer 5. */
export function seesThrough(
  { unmaskedFor }: FieldMask,
  roles: ReadonlySet<string>,
  { access }: { readonly access: { readonly adminRole: string } },
): boolean {
  return roles.has(access.adminRole) || (unmaskedFor ?? []).some((role) => roles.has(role));
}
