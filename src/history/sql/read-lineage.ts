import type { CompiledSchema } from '../../schema/compile.ts';
import type { Pool } from '../../store/pool.ts';
import type { Lineage, MovedColumn, RevisionSpec } from '../field-lineage.ts';

/** Revisions of one version that are read back; a schema changed more often is made anew. */
const revisionsMax = 5_000;

/** The revisions up to the one that this API serves, and where they left their columns. */
export async function readLineage(pool: Pool, schema: CompiledSchema): Promise<Lineage> {
  const { namespace, name, version, revision, pgNamespace, pgTable } = schema;
  const { rows: revisions } = await pool.query<RevisionSpec>({
    name: 'history.revisions',
    text: `
      select revision, spec from platform.schema_revisions
       where namespace = $1::text and name = $2::text and version = $3::text and revision <= $4::integer
       order by revision desc limit ${revisionsMax}`,
    values: [namespace, name, version, revision],
  });
  const { rows: moved } = await pool.query<MovedColumn>({
    name: 'history.moved-columns',
    text: `
      select field, until_revision as "untilRevision", history_column as "historyColumn"
        from platform.history_columns
       where pg_namespace = $1::text and pg_table = $2::text
       order by field, until_revision`,
    values: [pgNamespace, pgTable],
  });
  return { revisions: revisions.toReversed(), moved };
}
