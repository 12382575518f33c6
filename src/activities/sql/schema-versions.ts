import type { VersionStanding } from '../../schema/version-standing.ts';
import type { Transaction } from '../../store/pool.ts';

/** The schema goes, and with it all that was known of its versions; the registry is told. */
export async function forgetVersions(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.forget-versions',
    text: `delete from platform.schema_versions where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name],
  });
}

export interface NewStanding {
  readonly version: string;
  readonly pgNamespace: string;
  readonly pgTable: string;
  readonly state: VersionStanding['state'];
  readonly successor?: string;
  readonly deprecatedAt?: string;
  readonly sunsetAt?: string | null;
}

/** Says how a version stands from now on; every API hears of it. */
export async function putVersion(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
  standing: NewStanding,
): Promise<void> {
  await tx.query({
    name: 'activities.put-version',
    text: `
      insert into platform.schema_versions
             (namespace, name, version, state, pg_namespace, pg_table, successor, deprecated_at, sunset_at)
      values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text,
              $8::timestamptz, $9::timestamptz)
          on conflict (namespace, name, version) do update
         set state = excluded.state, successor = coalesce(excluded.successor, schema_versions.successor),
             deprecated_at = coalesce(excluded.deprecated_at, schema_versions.deprecated_at),
             sunset_at = coalesce(excluded.sunset_at, schema_versions.sunset_at)`,
    values: [
      key.namespace,
      key.name,
      standing.version,
      standing.state,
      standing.pgNamespace,
      standing.pgTable,
      standing.successor ?? null,
      standing.deprecatedAt ?? null,
      standing.sunsetAt ?? null,
    ],
  });
}

/** The version is served as its spec says, and no otherwise. */
export async function dropVersionStanding(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string; readonly version: string },
): Promise<void> {
  await tx.query({
    name: 'activities.drop-version-standing',
    text: `
      delete from platform.schema_versions
       where namespace = $1::text and name = $2::text and version = $3::text`,
    values: [key.namespace, key.name, key.version],
  });
}
