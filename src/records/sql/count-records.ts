import type { Pool } from '../../store/pool.ts';

/** Records that are not deleted, counted no further than `max`. */
export async function countRecords(
  pool: Pool,
  table: { readonly pgNamespace: string; readonly pgTable: string; readonly max: number },
): Promise<number> {
  const { rows } = await pool.query<{ count: number }>({
    name: 'records.count',
    text: 'select platform.count_records($1::text, $2::text, $3::bigint) as count',
    values: [table.pgNamespace, table.pgTable, table.max],
  });
  return Number(rows[0]?.count ?? 0);
}
