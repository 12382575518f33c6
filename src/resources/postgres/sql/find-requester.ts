import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';

/** The actor of the request that changed the spec last. */
export async function findRequester(
  tx: Transaction,
  key: ResourceKey,
): Promise<string | undefined> {
  const { rows } = await tx.query<{ requestedBy: string | null }>({
    name: 'resources.find-requester',
    text: `
      select requested_by as "requestedBy"
        from platform.resources
       where kind = $1::text and namespace = $2::text and name = $3::text`,
    values: [key.kind, key.namespace, key.name],
  });
  return rows[0]?.requestedBy ?? undefined;
}
