import { VelocityError } from '../../errors.ts';
import { organisationOf } from '../../resources/registry/organisation-of.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import type { ResourceKey, ResourceStore } from '../../resources/store.ts';
import type { PlatformAccess } from './platform-access.ts';

/**
 * What one may not give one may not take: a binding that stands is replaced or removed by those who
 * might grant it. Without this a domain's administrator could put the organisation's out of office.
 */
export async function requireTakeable(
  resources: Pick<ResourceStore, 'find'>,
  access: PlatformAccess,
  snapshot: RegistrySnapshot,
  key: ResourceKey,
): Promise<void> {
  if (key.kind !== 'RoleBinding' || access.organisationAdmin) return;
  const present = await resources.find(key);
  if (present?.kind !== 'RoleBinding') return;
  const organisation = organisationOf(key.namespace, snapshot) ?? '';
  const reserved = snapshot.adminRoles.get(organisation) ?? [];
  const held = present.spec.roles.find((role) => reserved.includes(role));
  if (held === undefined) return;
  throw new VelocityError(
    'RBAC_DENIED',
    `The binding "${key.name}" grants the role "${held}", which administers the whole organisation.`,
    { hint: 'Only one of its administrators changes it.' },
  );
}
