import type { LiveTable } from '../schema/plan-schema.ts';
import type { Transaction } from './pool.ts';

/** What the database has of a record table now; undefined when it has none. */
export async function findLiveTable(
  tx: Transaction,
  pgNamespace: string,
  pgTable: string,
): Promise<LiveTable | undefined> {
  const { rows } = await tx.query<LiveRow>({
    text: `
      select array(select a.attname::text from pg_attribute a
                    where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
             array(select c.conname::text from pg_constraint c
                    where c.conrelid = t.oid and c.convalidated order by c.conname) as constraints,
             array(select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid
                    where x.indrelid = t.oid and x.indisvalid order by i.relname) as indexes,
             case t.relkind
               when 'p' then (select coalesce(sum(greatest(l.reltuples, 0)), 0) from pg_partition_tree(t.oid) p
                                join pg_class l on l.oid = p.relid where p.isleaf)::bigint
               else greatest(t.reltuples, 0)::bigint
             end as rows,
             not platform.holds_rows(n.nspname::text, t.relname::text) as empty,
             array(select array[r.target_column, r.source_namespace || '.' || r.source_table]
                     from platform.schema_references r
                    where r.target_namespace = n.nspname and r.target_table = t.relname and r.target_column <> 'id'
                    order by r.target_column, r.source_namespace, r.source_table) as referred,
             array(select distinct r.source_namespace || '.' || r.source_table as referrer
                     from platform.schema_references r
                    where r.target_namespace = n.nspname and r.target_table = t.relname
                    order by referrer) as referrers,
             (select case k.partstrat when 'r' then 'range' when 'l' then 'list' else 'hash' end || ' (' || a.attname || ')'
                from pg_partitioned_table k
                join pg_attribute a on a.attrelid = k.partrelid and a.attnum = k.partattrs[0]
               where k.partrelid = t.oid) as partition_key
        from pg_class t
        join pg_namespace n on n.oid = t.relnamespace
       where n.nspname = $1::text and t.relname = $2::text and t.relkind in ('r', 'p')`,
    values: [pgNamespace, pgTable],
  });
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    columns: new Set(row.columns),
    constraints: new Set(row.constraints),
    indexes: new Set(row.indexes),
    rows: row.rows,
    empty: row.empty,
    referred: groupReferrers(row.referred),
    referrers: row.referrers,
    partitionKey: row.partition_key ?? undefined,
  };
}

interface LiveRow {
  readonly columns: string[];
  readonly constraints: string[];
  readonly indexes: string[];
  readonly rows: number;
  readonly empty: boolean;
  /** Column and table. */
  readonly referred: [string, string][];
  readonly referrers: string[];
  readonly partition_key: string | null;
}

function groupReferrers(pairs: LiveRow['referred']): Map<string, readonly string[]> {
  const tables = new Map<string, string[]>();
  for (const [column, table] of pairs) {
    tables.set(column, [...(tables.get(column) ?? []), table]);
  }
  return tables;
}
