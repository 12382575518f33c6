import type { TableName } from '../../resources/plans/sql/referrers.ts';
import type { SchemaReference } from '../../schema/schema-references.ts';
import type { Transaction } from '../../store/pool.ts';

/** Replaces what a table refers to; deletes look here for the records that depend on theirs. */
export async function replaceReferences(
  tx: Transaction,
  source: TableName,
  references: readonly SchemaReference[],
): Promise<void> {
  await tx.query({
    name: 'activities.delete-references',
    text: `
      delete from platform.schema_references
       where source_namespace = $1::text and source_table = $2::text`,
    values: [source.pgNamespace, source.pgTable],
  });
  if (references.length === 0) return;
  await tx.query({
    name: 'activities.insert-references',
    text: `
      insert into platform.schema_references
             (source_namespace, source_table, source_column, target_namespace, target_table,
              target_column, on_delete)
      select $1::text, $2::text, r.*
        from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) as r`,
    values: [
      source.pgNamespace,
      source.pgTable,
      references.map(({ column }) => column),
      references.map(({ targetNamespace }) => targetNamespace),
      references.map(({ targetTable }) => targetTable),
      references.map(({ targetColumn }) => targetColumn),
      references.map(({ onDelete }) => onDelete),
    ],
  });
}
