import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import { postgresName, quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';

/** How the records of a schema are spread over partitions. */
export interface TablePartitioning {
  readonly field: string;
  readonly strategy: 'range' | 'list' | 'hash';
  /** Span of a range partition. */
  readonly months: 1 | 3 | 12;
}

const monthsOf = { monthly: 1, quarterly: 3, yearly: 12 } as const;

/** Undefined: one table holds all records. */
export function partitioningOf({
  partitioning,
}: SchemaDefinitionSpec): TablePartitioning | undefined {
  if (partitioning?.enabled !== true) return undefined;
  const { field, strategy, interval } = partitioning;
  return { field, strategy, months: monthsOf[interval] };
}

/** A unique index over partitions holds only within each, unless it has the field that divides them. */
export function primaryKeyOf(spec: SchemaDefinitionSpec): string {
  const field = partitioningOf(spec)?.field ?? 'id';
  return `primary key (${[...new Set(['id', field])].map(quoteIdentifier).join(', ')})`;
}

export function partitionClause(spec: SchemaDefinitionSpec): string {
  const planned = partitioningOf(spec);
  if (planned === undefined) return '';
  return ` partition by ${planned.strategy} (${quoteIdentifier(planned.field)})`;
}

export interface MissingPartitions {
  /** The table that they belong to, by its name of now. */
  readonly table: string;
  /** What the field is called now; by default what the schema says. */
  readonly field?: string;
  /** A table whose rows it is to take over. */
  readonly source?: string;
  /** Partitions of one call; by default all. */
  readonly most?: number;
}

/** Makes partitions that are missing; undefined: the table has none. */
export function syncPartitions(
  { pgNamespace, pgTable }: { readonly pgNamespace: string; readonly pgTable: string },
  spec: SchemaDefinitionSpec,
  { table, field, source, most = partitionsMax }: MissingPartitions,
): string | undefined {
  const planned = partitioningOf(spec);
  if (planned === undefined) return undefined;
  const { strategy, months } = planned;
  const by = field ?? planned.field;
  const names = [pgNamespace, table, pgTable, strategy, by].map(quoteLiteral).join(', ');
  const values = strategy === 'list' ? listed(spec, planned.field).map(quoteLiteral) : [];
  const from = source === undefined ? 'null' : quoteLiteral(source);
  return `select platform.sync_partitions(${names}, ${months}, array[${values.join(', ')}]::text[], ${from}, ${most}) as made`;
}

/** More than a table can have: by range 240 months at once, by list 100 values, by hash 8. */
const partitionsMax = 1_000;

/** After a swap: what belongs to partitions is called after what belongs to the table. */
export function namePartitionParts(pgNamespace: string, pgTable: string): string {
  return `select platform.name_partition_parts(${quoteLiteral(pgNamespace)}, ${quoteLiteral(pgTable)})`;
}

/** Each value that has a partition of its own, as a SQL literal. */
function listed({ fields }: SchemaDefinitionSpec, name: string): string[] {
  const field = fields.find((one) => one.name === name);
  if (field?.type === 'boolean') return ['false', 'true'];
  return (field?.enumValues ?? []).map((value) => quoteLiteral(value).trim());
}

/**
 * The primary key of a partitioned table has its partition field, so it does not keep an id from
 * being given twice. This table does, wherever id is not the partition field itself.
 */
export function idsTableName(pgTable: string): string {
  return postgresName(pgTable, 'ids');
}

export function idsKeyName(pgTable: string): string {
  return postgresName(pgTable, 'ids', 'pkey');
}

export function keepsIds(spec: SchemaDefinitionSpec): boolean {
  const planned = partitioningOf(spec);
  return planned !== undefined && planned.field !== 'id';
}

/** `table` and `key` are its names of now: others until a swap. */
export function createIdsTable(pgNamespace: string, table: string, key: string): string {
  return `create table if not exists ${quoteQualified(pgNamespace, table)} (
  id uuid not null, constraint ${quoteIdentifier(key)} primary key (id)
)`;
}

/** Keeps the ids with every write, whoever writes: nobody has rights on them but the operator. */
export function keepIds(pgNamespace: string, pgTable: string): string {
  const table = quoteQualified(pgNamespace, pgTable);
  const ids = quoteQualified(pgNamespace, idsTableName(pgTable));
  const body = `begin
    if tg_table_schema <> ${quoteLiteral(pgNamespace)} or tg_table_name <> ${quoteLiteral(pgTable)} then
      raise exception 'these are the ids of another table' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'INSERT' then insert into ${ids} (id) select id from changed_rows;
    else delete from ${ids} i using changed_rows c where i.id = c.id;
    end if;
    return null;
  end`;
  return `
    create or replace function ${ids}() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as ${quoteLiteral(body)};
    revoke execute on function ${ids}() from public;
    create or replace trigger velocity_keep_ids after insert on ${table}
      referencing new table as changed_rows for each statement execute function ${ids}();
    create or replace trigger velocity_free_ids after delete on ${table}
      referencing old table as changed_rows for each statement execute function ${ids}()`;
}

/** The function goes after the table whose triggers call it. */
export function dropIds(pgNamespace: string, pgTable: string): string {
  const ids = quoteQualified(pgNamespace, idsTableName(pgTable));
  return `drop table if exists ${ids}; drop function if exists ${ids}()`;
}
