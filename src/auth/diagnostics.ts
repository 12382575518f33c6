import type { Identity } from '../contract/identity.ts';
import type { RegistrySnapshot } from '../resources/registry/snapshot.ts';

/**
 * Whether a caller may see how an answer came about: a token, or a live binding that is not narrowed to
 * some schemas, names the domain's diagnostics role. What belongs to no domain shows it to the bootstrap key alone.
 */
export function mayDiagnose(
  { organisation, actor, platformAdmin, keyScopes, roles }: Identity,
  snapshot: RegistrySnapshot,
  { namespace, nowMs }: { readonly namespace: string | undefined; readonly nowMs: number },
): boolean {
  if (platformAdmin) return true;
  if (namespace === undefined || keyScopes !== undefined) return false;
  const domain = snapshot.domains.get(namespace);
  const role = domain?.access.diagnosticsRole;
  // A field that was not given is null in the registry's rows.
  if (!role || domain?.organisation !== organisation) return false;
  if (roles.includes(role)) return true;
  const bindings = snapshot.bindings.get(`${organisation}\n${actor}`) ?? [];
  return bindings.some(
    (binding) =>
      binding.namespace === namespace &&
      binding.scopes.length === 0 &&
      (binding.expiresAt === undefined || binding.expiresAt > nowMs) &&
      binding.roles.includes(role),
  );
}
