import type { Transaction } from '../../../store/pool.ts';

export interface TableName {
  readonly pgNamespace: string;
  readonly pgTable: string;
}

/** Enough to name in a refusal; there may be many more. */
const referrersShownMax = 5;

/** Other tables that refer to this one, as `namespace.table`; its own schema's `except` are left out. */
export async function findReferrers(
  tx: Transaction,
  target: TableName,
  except: readonly string[] = [target.pgTable],
): Promise<string[]> {
  const { rows } = await tx.query<{ referrer: string }>({
    name: 'plans.find-referrers',
    text: `
      select distinct source_namespace || '.' || source_table as referrer
        from platform.schema_references
       where target_namespace = $1::text and target_table = $2::text
         and not (source_namespace = target_namespace and source_table = any ($3::text[]))
       order by referrer
       limit ${referrersShownMax}`,
    values: [target.pgNamespace, target.pgTable, except],
  });
  return rows.map(({ referrer }) => referrer);
}
