import type { Transaction } from '../../store/pool.ts';

/** Whether the index is there but was never finished: CREATE INDEX CONCURRENTLY leaves such ones. */
export async function isInvalidIndex(
  tx: Transaction,
  { pgNamespace, index }: { pgNamespace: string; index: string },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'activities.is-invalid-index',
    text: `
      select
        from pg_index x
        join pg_class i on i.oid = x.indexrelid
        join pg_namespace n on n.oid = i.relnamespace
       where n.nspname = $1::text and i.relname = $2::text and not x.indisvalid`,
    values: [pgNamespace, index],
  });
  return rowCount > 0;
}
