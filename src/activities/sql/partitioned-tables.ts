import type { SchemaDefinitionSpec } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

interface PartitionedTable {
  readonly pgNamespace: string;
  readonly pgTable: string;
  readonly spec: SchemaDefinitionSpec;
  /** `namespace.table`, which orders them. */
  readonly place: string;
}

/** Partitioned tables that are served; one that is being changed has its partitions made by the change. */
export async function findPartitionedTables(
  tx: Transaction,
  { after, size }: { readonly after: string | undefined; readonly size: number },
): Promise<PartitionedTable[]> {
  const { rows } = await tx.query<PartitionedTable>({
    name: 'activities.partitioned-tables',
    text: `
      select r.pg_namespace as "pgNamespace", r.pg_table as "pgTable", r.spec,
             r.pg_namespace || '.' || r.pg_table as place
        from platform.schema_revisions r
        join pg_namespace n on n.nspname = r.pg_namespace
        join pg_class c on c.relnamespace = n.oid and c.relname = r.pg_table and c.relkind = 'p'
       where r.state = 'active' and r.spec #> '{partitioning,enabled}' = 'true'::jsonb
         and ($1::text is null or r.pg_namespace || '.' || r.pg_table > $1::text)
         and not exists (select from platform.schema_plans p
                          where p.namespace = r.namespace and p.name = r.name and p.state = 'applying')
       order by r.pg_namespace || '.' || r.pg_table
       limit $2::integer`,
    values: [after ?? null, size],
  });
  return rows;
}
