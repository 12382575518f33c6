import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';

/** Writes, and so wakes watchers, only when the status is another one. */
export async function writeStatus(
  tx: Transaction,
  key: ResourceKey,
  status: Readonly<Record<string, unknown>>,
): Promise<void> {
  await tx.query({
    name: 'resources.write-status',
    text: `
      update platform.resources
         set status = $4::jsonb,
             resource_version = nextval('platform.resource_version_seq')
       where kind = $1::text and namespace = $2::text and name = $3::text
         and status is distinct from $4::jsonb`,
    values: [key.kind, key.namespace, key.name, JSON.stringify(status)],
  });
}
