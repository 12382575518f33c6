import type { TableName } from '../../resources/plans/sql/referrers.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import type { Transaction } from '../../store/pool.ts';

/** Nobody needs the exact number of more: counting stops here and says so. */
export const countedMax = 1_000_000;

/** Records that are not deleted, at most `countedMax` + 1; 0 where there is no table. */
export async function countLiveRecords(tx: Transaction, table: TableName): Promise<number> {
  const name = quoteQualified(table.pgNamespace, table.pgTable);
  const known = await tx.query<{ there: boolean }>({
    name: 'activities.table-exists',
    text: `select to_regclass($1::text) is not null as there`,
    values: [name],
  });
  if (known.rows[0]?.there !== true) return 0;
  const { rows } = await tx.query<{ count: number }>({
    text: `
      select count(*)::bigint as count
        from (select from ${name} where deleted_at is null limit ${countedMax + 1}) as live`,
  });
  return rows[0]?.count ?? 0;
}
