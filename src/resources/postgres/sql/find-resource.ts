import type { Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

export async function findResource(
  tx: Transaction,
  key: ResourceKey,
): Promise<Resource | undefined> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.find',
    text: `
      select ${resourceColumns}
        from platform.resources
       where kind = $1::text and namespace = $2::text and name = $3::text`,
    values: [key.kind, key.namespace, key.name],
  });
  return rows[0] && toResource(rows[0]);
}
