import type { Kind, Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

/** Resources read at once: some 10 MB of the largest schemas. */
export const pageSize = 500;

/** The next page in the order of kind, namespace and name. */
export async function listResources(
  tx: Transaction,
  filter: { readonly kind?: Kind; readonly namespace?: string },
  after: ResourceKey | undefined,
): Promise<Resource[]> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.list',
    text: `
      select ${resourceColumns}
        from platform.resources
       where ($1::text is null or kind = $1::text)
         and ($2::text is null or namespace = $2::text)
         and ($3::text is null or (kind, namespace, name) > ($3::text, $4::text, $5::text))
       order by kind, namespace, name
       limit ${pageSize}`,
    values: [
      filter.kind ?? null,
      filter.namespace ?? null,
      after?.kind ?? null,
      after?.namespace ?? null,
      after?.name ?? null,
    ],
  });
  return rows.map(toResource);
}
