import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';

/** Keys read at once; about 100 bytes each. */
export const keyPageSize = 5_000;

/** The next page in the order of kind, namespace and name, from the unique index alone. */
export async function listResourceKeys(
  tx: Transaction,
  after: ResourceKey | undefined,
): Promise<ResourceKey[]> {
  const { rows } = await tx.query<ResourceKey>({
    name: 'resources.list-keys',
    text: `
      select kind, namespace, name
        from platform.resources
       where $1::text is null or (kind, namespace, name) > ($1::text, $2::text, $3::text)
       order by kind, namespace, name
       limit ${keyPageSize}`,
    values: [after?.kind ?? null, after?.namespace ?? null, after?.name ?? null],
  });
  return rows;
}
