import type { RevisionRow } from '../../../schema/compile.ts';
import type { Transaction } from '../../../store/pool.ts';

export interface ActiveRevision extends RevisionRow {
  /** Generation of the resource whose spec it is. */
  readonly generation: number;
  readonly planHash: string;
}

/** The revisions that the API serves for these schemas; those that have none are left out. */
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
             r.generation, r.plan_hash as "planHash"
        from unnest($1::text[], $2::text[]) as wanted (namespace, name)
        join platform.schema_revisions r using (namespace, name)
        join platform.domains d using (namespace)
       where r.state = 'active'
       order by r.namespace, r.name`,
    values: [keys.map(({ namespace }) => namespace), keys.map(({ name }) => name)],
  });
  return rows;
}

/** The number of the next revision. Numbers are never given twice, not even after a deletion. */
export async function findNextRevision(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<number> {
  const last = await findLastRevision(tx, key);
  return (last?.revision ?? 0) + 1;
}

export interface LastRevision {
  readonly revision: number;
  readonly pgTable: string;
  /** RFC 3339. */
  readonly activatedAt: string;
}

/** The revision with the highest number, served or not. */
export async function findLastRevision(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<LastRevision | undefined> {
  const { rows } = await tx.query<LastRevision>({
    name: 'plans.last-revision',
    text: `
      select revision, pg_table as "pgTable", activated_at as "activatedAt"
        from platform.schema_revisions
       where namespace = $1::text and name = $2::text
       order by revision desc
       limit 1`,
    values: [key.namespace, key.name],
  });
  return rows[0];
}
