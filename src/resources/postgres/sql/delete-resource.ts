import type { Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

/** Starts the deletion; a second request leaves the first one's time. */
export async function markDeleted(
  tx: Transaction,
  key: ResourceKey,
): Promise<Resource | undefined> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.mark-deleted',
    text: `
      update platform.resources
         set deletion_timestamp = clock_timestamp(),
             resource_version = nextval('platform.resource_version_seq')
       where kind = $1::text and namespace = $2::text and name = $3::text
         and deletion_timestamp is null
      returning ${resourceColumns}`,
    values: [key.kind, key.namespace, key.name],
  });
  return rows[0] && toResource(rows[0]);
}

/** Ends the deletion, once it has started and no finalizer holds it back. */
export async function removeDeleted(tx: Transaction, key: ResourceKey): Promise<void> {
  await tx.query({
    name: 'resources.remove-deleted',
    text: `
      delete from platform.resources
       where kind = $1::text and namespace = $2::text and name = $3::text
         and deletion_timestamp is not null
         and finalizers = '{}'`,
    values: [key.kind, key.namespace, key.name],
  });
}
