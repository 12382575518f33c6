import type { TableName } from '../../resources/plans/sql/referrers.ts';
import { quoteIdentifier, quoteQualified } from '../../schema/identifier.ts';
import { idsTableName } from '../../schema/partitioning.ts';
import { nextName } from '../../schema/placed-field.ts';
import { migrateTrigger, nextPrefix } from '../../schema/plan-step.ts';
import type { Transaction } from '../../store/pool.ts';

/** Statements that take down all that a change has prepared beside a table; none: there is nothing. */
export async function dropPreparedParts(
  tx: Transaction,
  { pgNamespace, pgTable }: TableName,
): Promise<string[]> {
  const beside = [nextName(pgTable), nextName(idsTableName(pgTable))];
  const { rows } = await tx.query<PreparedRow>({
    name: 'activities.prepared-parts',
    text: `
      select exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = $3::text) as trigger,
             array(select b.relname::text from pg_class b
                    where b.relnamespace = t.relnamespace and b.relname = any ($5::text[]) and b.relkind in ('r', 'p')
                    order by b.relname) as tables,
             array(select c.conname::text from pg_constraint c
                    where c.conrelid = t.oid and starts_with(c.conname::text, $4::text) and c.contype in ('c', 'f')
                    order by c.conname) as constraints,
             array(select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid
                    where x.indrelid = t.oid and starts_with(i.relname::text, $4::text) order by i.relname) as indexes,
             array(select a.attname::text from pg_attribute a
                    where a.attrelid = t.oid and not a.attisdropped and starts_with(a.attname::text, $4::text)
                    order by a.attnum) as columns,
             -- What was made of one partition and has no counterpart of the table yet.
             array(select 'drop index ' || x.indexrelid::regclass
                     from pg_inherits h join pg_index x on x.indrelid = h.inhrelid join pg_class i on i.oid = x.indexrelid
                    where h.inhparent = t.oid and not i.relispartition and starts_with(i.relname::text, $4::text)
                    order by i.relname)
             || array(select format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname)
                        from pg_inherits h join pg_constraint c on c.conrelid = h.inhrelid
                       where h.inhparent = t.oid and c.contype = 'f' and c.conparentid = 0 and starts_with(c.conname::text, $4::text)
                       order by c.conrelid, c.conname) as partitions
        from pg_class t join pg_namespace n on n.oid = t.relnamespace
       where n.nspname = $1::text and t.relname = $2::text`,
    values: [pgNamespace, pgTable, migrateTrigger, nextPrefix, beside],
  });
  const row = rows[0];
  if (row === undefined) return [];
  const table = quoteQualified(pgNamespace, pgTable);
  const { trigger, tables, constraints, indexes, columns, partitions } = row;
  const drops = [
    ...(trigger ? [`drop trigger ${migrateTrigger} on ${table}`] : []),
    ...tables.map((name) => `drop table ${quoteQualified(pgNamespace, name)}`),
    ...constraints.map((name) => `alter table ${table} drop constraint ${quoteIdentifier(name)}`),
    ...indexes.map((name) => `drop index ${quoteQualified(pgNamespace, name)}`),
    ...partitions,
    ...columns.map((name) => `alter table ${table} drop column ${quoteIdentifier(name)}`),
  ];
  if (drops.length === 0) return [];
  return [
    `lock table ${table} in access exclusive mode`,
    ...drops,
    `drop function if exists ${quoteQualified(pgNamespace, nextName(pgTable))}()`,
  ];
}

interface PreparedRow {
  readonly trigger: boolean;
  /** Made to take the place of this one. */
  readonly tables: string[];
  readonly constraints: string[];
  readonly indexes: string[];
  readonly columns: string[];
  /** Statements, one for each part. */
  readonly partitions: string[];
}
