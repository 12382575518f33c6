import type { RevisionRow } from '../../../schema/compile.ts';
import type { Transaction } from '../../../store/pool.ts';

export interface ActiveRevision extends RevisionRow {
  /** Generation of the resource whose spec it is. */
  readonly generation: number;
  readonly planHash: string;
}

/** The revisions that the API serves of these schemas, one for each version of them. */
export async function findActiveRevisions(
  tx: Transaction,
  keys: readonly { readonly namespace: string; readonly name: string }[],
): Promise<ActiveRevision[]> {
  const { rows } = await tx.query<ActiveRevision>({
    name: 'plans.active-revisions',
    text: `
      select d.organisation, d.application, d.domain, r.namespace, r.name, r.revision, r.spec,
             r.pg_namespace as "pgNamespace", r.pg_table as "pgTable", d.pg_role as "pgRole",
             jsonb_strip_nulls(jsonb_build_object(
               'defaultRole', d.default_role, 'adminRole', d.admin_role,
               'diagnosticsRole', d.diagnostics_role)) as access,
             r.generation, r.plan_hash as "planHash", r.activated_at as "activatedAt",
             (select jsonb_build_object('state', v.state, 'successor', v.successor,
                                        'deprecatedAt', v.deprecated_at, 'sunsetAt', v.sunset_at)
                from platform.schema_versions v
               where (v.namespace, v.name, v.version) = (r.namespace, r.name, r.version)) as standing
        from unnest($1::text[], $2::text[]) as wanted (namespace, name)
        join platform.schema_revisions r using (namespace, name)
        join platform.domains d using (namespace)
       where r.state = 'active'
       order by r.namespace, r.name, r.version`,
    values: [keys.map(({ namespace }) => namespace), keys.map(({ name }) => name)],
  });
  return rows;
}

/**
 * The number of the next revision: one row of numbers for all versions, and none is given twice, not
 * even after a deletion.
 */
export async function findNextRevision(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<number> {
  const { rows } = await tx.query<{ next: number }>({
    name: 'plans.next-revision',
    text: `
      select coalesce(max(revision), 0) + 1 as next
        from platform.schema_revisions
       where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name],
  });
  return rows[0]?.next ?? 1;
}

/** More versions than any schema is allowed. */
const versionsMax = 100;

/**
 * Tables of a schema, one for each version that was ever activated since that instant: before it, an
 * earlier schema may have had the name, and its tables are gone.
 */
export async function findVersionTables(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string; readonly since: string },
): Promise<string[]> {
  const { rows } = await tx.query<{ pgTable: string }>({
    name: 'plans.version-tables',
    text: `
      select distinct pg_table as "pgTable"
        from platform.schema_revisions
       where namespace = $1::text and name = $2::text and activated_at >= $3::timestamptz
       order by pg_table
       limit ${versionsMax}`,
    values: [key.namespace, key.name, key.since],
  });
  return rows.map(({ pgTable }) => pgTable);
}
