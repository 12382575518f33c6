import type { RegistrySnapshot } from './snapshot.ts';

/**
 * The organisation that a namespace belongs to: the domain's own word, or else the longest name of
 * an organisation that it begins with, so that `acme` never reaches into `acme-labs-…`.
 */
export function organisationOf(
  namespace: string,
  { domains, adminRoles }: Pick<RegistrySnapshot, 'domains' | 'adminRoles'>,
): string | undefined {
  const domain = domains.get(namespace);
  if (domain) return domain.organisation;
  let longest: string | undefined;
  for (const name of adminRoles.keys()) {
    const within = namespace === name || namespace.startsWith(`${name}-`);
    if (within && name.length > (longest?.length ?? -1)) longest = name;
  }
  return longest;
}
