import type { ApiKey, Resource } from '../../contract/kinds.ts';
import type { Pool } from '../../store/pool.ts';

interface KeyUseRow {
  readonly namespace: string;
  readonly name: string;
  readonly lastUsedAt: string | null;
  readonly previous: readonly { readonly validUntil: string; readonly lastUsedAt: string | null }[];
}

/**
 * ApiKeys with what changes too often for a resource: when they were used last, and which texts of
 * before a rotation still count. Resources of other kinds as they are.
 */
export async function describeKeyUse(
  pool: Pool,
  resources: readonly Resource[],
): Promise<readonly Resource[]> {
  const keys = resources.filter((resource) => resource.kind === 'ApiKey');
  if (keys.length === 0) return resources;
  const { rows } = await pool.query<KeyUseRow>({
    name: 'api.key-use',
    text: `
      select k.namespace, k.name, k.last_used_at as "lastUsedAt",
             coalesce((select json_agg(json_build_object('validUntil', r.valid_until, 'lastUsedAt', r.last_used_at)
                                       order by r.valid_until, r.key_hash)
                         from platform.rotated_api_keys r
                        where r.namespace = k.namespace and r.name = k.name
                          and r.valid_until > clock_timestamp()), '[]') as previous
        from platform.api_keys k
        join unnest($1::text[], $2::text[]) as wanted (namespace, name) using (namespace, name)`,
    values: [
      keys.map(({ metadata }) => metadata.namespace),
      keys.map(({ metadata }) => metadata.name),
    ],
  });
  const used = new Map(rows.map((row) => [`${row.namespace}/${row.name}`, row]));
  return resources.map((resource) =>
    resource.kind === 'ApiKey'
      ? withUse(resource, used.get(`${resource.metadata.namespace}/${resource.metadata.name}`))
      : resource,
  );
}

function withUse(key: ApiKey, row: KeyUseRow | undefined): ApiKey {
  if (row === undefined) return key;
  const { lastUsedAt, previous } = row;
  return {
    ...key,
    status: {
      ...key.status,
      ...(lastUsedAt !== null && { lastUsedAt }),
      ...(previous.length > 0 && {
        previous: previous.map((one) => ({
          validUntil: one.validUntil,
          ...(one.lastUsedAt !== null && { lastUsedAt: one.lastUsedAt }),
        })),
      }),
    },
  };
}
