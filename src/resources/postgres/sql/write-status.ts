import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';

/** Writes, and so wakes watchers, only when the status is another one. */
export async function writeStatus(
  tx: Transaction,
  key: ResourceKey,
  status: Readonly<Record<string, unknown>>,
  as: { readonly uid?: string; readonly resourceVersion?: string },
): Promise<void> {
  await tx.query({
    name: 'resources.write-status',
    text: `
      update platform.resources
         set status = $4::jsonb,
             resource_version = nextval('platform.resource_version_seq')
       where kind = $1::text and namespace = $2::text and name = $3::text
         and status is distinct from $4::jsonb
         and ($5::uuid is null or uid = $5::uuid)
         and ($6::bigint is null or resource_version = $6::bigint)`,
    values: [
      ...[key.kind, key.namespace, key.name, JSON.stringify(status)],
      ...[as.uid ?? null, as.resourceVersion ?? null],
    ],
  });
}
