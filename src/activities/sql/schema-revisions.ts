import type { Transaction } from '../../store/pool.ts';

/** Keeps others from changing the revisions of one schema until the transaction ends. */
export async function lockRevisions(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.lock-revisions',
    text: `select pg_advisory_xact_lock(hashtextextended('schema_revisions/' || $1::text, 0))`,
    values: [`${key.namespace}/${key.name}`],
  });
}

export interface NewRevision {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly generation: number;
  readonly spec: unknown;
  readonly planHash: string;
  readonly pgNamespace: string;
  readonly pgTable: string;
}

/**
 * The revision of its version to serve from now on, numbered after the schema's last one; call under
 * `lockRevisions`. Other versions go on as they are.
 */
export async function insertRevision(tx: Transaction, revision: NewRevision): Promise<number> {
  await supersedeRevisions(tx, revision);
  const { rows } = await tx.query<{ revision: number }>({
    name: 'activities.insert-revision',
    text: `
      insert into platform.schema_revisions
             (namespace, name, revision, version, generation, spec, plan_hash, state,
              pg_namespace, pg_table)
      select $1::text, $2::text, coalesce(max(r.revision), 0) + 1, $3::text, $4::bigint, $5::jsonb,
             $6::text, 'active', $7::text, $8::text
        from platform.schema_revisions r
       where r.namespace = $1::text and r.name = $2::text
      returning revision`,
    values: [
      revision.namespace,
      revision.name,
      revision.version,
      revision.generation,
      JSON.stringify(revision.spec),
      revision.planHash,
      revision.pgNamespace,
      revision.pgTable,
    ],
  });
  return rows[0]?.revision ?? 0;
}

/** Nothing of the schema is served from now on, or nothing of one version. */
export async function supersedeRevisions(
  tx: Transaction,
  key: { namespace: string; name: string; version?: string },
): Promise<void> {
  await tx.query({
    name: 'activities.supersede-revisions',
    text: `
      update platform.schema_revisions
         set state = 'superseded'
       where namespace = $1::text and name = $2::text and state = 'active'
         and version = coalesce($3::text, version)`,
    values: [key.namespace, key.name, key.version ?? null],
  });
}

/**
 * Takes back a `supersedeRevisions`: the last revision of every version that has a table is served
 * again. Revisions from before `since` belong to an earlier schema of the same name.
 */
export async function reviveRevisions(
  tx: Transaction,
  key: { namespace: string; name: string; since: string },
): Promise<void> {
  await tx.query({
    name: 'activities.revive-revisions',
    text: `
      update platform.schema_revisions r
         set state = 'active'
       where r.namespace = $1::text and r.name = $2::text and r.activated_at >= $3::timestamptz
         and r.revision = (select max(l.revision) from platform.schema_revisions l
                            where l.namespace = $1::text and l.name = $2::text and l.version = r.version)
         and not exists (select from platform.schema_versions v
                          where v.namespace = $1::text and v.name = $2::text and v.version = r.version
                            and v.state = 'dropped')`,
    values: [key.namespace, key.name, key.since],
  });
}
