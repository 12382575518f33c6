import type { SchemaVersion } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** Every version that is served, for the status, the oldest first. */
export async function describeVersions(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<SchemaVersion[]> {
  const { rows } = await tx.query<{ view: SchemaVersion }>({
    name: 'activities.describe-versions',
    text: `
      select jsonb_strip_nulls(jsonb_build_object(
               'version', r.version, 'revision', r.revision, 'pgTable', r.pg_namespace || '.' || r.pg_table,
               'state', coalesce(v.state, 'serving'), 'successor', v.successor,
               'deprecatedAt', to_char(v.deprecated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'sunsetAt', to_char(v.sunset_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))) as view
        from platform.schema_revisions r
        left join platform.schema_versions v using (namespace, name, version)
       where r.namespace = $1::text and r.name = $2::text and r.state = 'active'
       order by length(r.version), r.version`,
    values: [key.namespace, key.name],
  });
  return rows.map(({ view }) => view);
}
