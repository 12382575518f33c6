import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';

/** A resource that is being deleted takes no new finalizer: it would never be let go. */
export async function insertFinalizer(
  tx: Transaction,
  key: ResourceKey,
  finalizer: string,
): Promise<void> {
  await tx.query({
    name: 'resources.insert-finalizer',
    text: `
      update platform.resources
         set finalizers = finalizers || $4::text,
             resource_version = nextval('platform.resource_version_seq')
       where kind = $1::text and namespace = $2::text and name = $3::text
         and deletion_timestamp is null
         and not ($4::text = any (finalizers))`,
    values: [key.kind, key.namespace, key.name, finalizer],
  });
}

export async function eraseFinalizer(
  tx: Transaction,
  key: ResourceKey,
  finalizer: string,
): Promise<void> {
  await tx.query({
    name: 'resources.erase-finalizer',
    text: `
      update platform.resources
         set finalizers = array_remove(finalizers, $4::text),
             resource_version = nextval('platform.resource_version_seq')
       where kind = $1::text and namespace = $2::text and name = $3::text
         and $4::text = any (finalizers)`,
    values: [key.kind, key.namespace, key.name, finalizer],
  });
}
