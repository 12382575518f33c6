import type { TableName } from '../../resources/plans/sql/referrers.ts';
import type { Transaction } from '../../store/pool.ts';

/** Partitions of a table that have no part of its index yet, by name. */
export async function findPartitionsWithout(
  tx: Transaction,
  { pgNamespace, pgTable, index }: TableName & { readonly index: string },
): Promise<string[]> {
  const { rows } = await tx.query<{ partition: string }>({
    name: 'activities.partitions-without',
    text: `
      select p.relname::text as partition
        from pg_class t
        join pg_namespace n on n.oid = t.relnamespace
        join pg_inherits h on h.inhparent = t.oid
        join pg_class p on p.oid = h.inhrelid
       where n.nspname = $1::text and t.relname = $2::text
         and not exists (select from pg_index x
                           join pg_inherits a on a.inhrelid = x.indexrelid
                           join pg_class i on i.oid = a.inhparent
                          where x.indrelid = p.oid and i.relname = $3::text)
       order by p.relname`,
    values: [pgNamespace, pgTable, index],
  });
  return rows.map(({ partition }) => partition);
}
