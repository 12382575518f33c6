import type { VersionStanding } from '../../../schema/version-standing.ts';
import type { Transaction } from '../../../store/pool.ts';

export interface KnownVersion extends VersionStanding {
  /** `v1`. */
  readonly version: string;
  readonly pgNamespace: string;
  readonly pgTable: string;
}

/** Versions of a schema that are not simply served as their spec says. */
export async function findKnownVersions(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<KnownVersion[]> {
  const { rows } = await tx.query<KnownVersion>({
    name: 'plans.known-versions',
    text: `
      select version, state, pg_namespace as "pgNamespace", pg_table as "pgTable", successor,
             deprecated_at as "deprecatedAt", sunset_at as "sunsetAt"
        from platform.schema_versions
       where namespace = $1::text and name = $2::text
       order by version`,
    values: [key.namespace, key.name],
  });
  return rows;
}
