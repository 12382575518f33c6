import type { KeyScope } from '../../../contract/identity.ts';
import type {
  AuthStrategy,
  ResourceQuotas,
  SchemaDefinitionSpec,
} from '../../../contract/kinds.ts';
import type { RevisionRow } from '../../../schema/compile.ts';
import type { Pool } from '../../../store/pool.ts';
import type { DomainEntry } from '../snapshot.ts';

export interface RegistryRows {
  readonly domains: readonly DomainEntry[];
  readonly schemas: readonly RevisionRow[];
  readonly bindings: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly organisation: string;
    readonly actorId: string;
    readonly roles: readonly string[];
    readonly scopes: readonly KeyScope[];
    readonly expiresAt: string | null;
  }[];
  readonly keys: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly organisation: string;
    readonly keyHash: string;
    readonly actor: string;
    readonly actorType: 'user' | 'service';
    readonly roles: readonly string[];
    readonly scopes: readonly unknown[];
    readonly ipAllowlist: readonly string[];
    readonly expiresAt: string | null;
    readonly revokedAt: string | null;
    readonly replaced: boolean;
  }[];
  readonly strategies: readonly AuthStrategy[];
  /** Versions whose table is gone, but which callers may still ask for. */
  readonly dropped: readonly {
    readonly organisation: string;
    readonly application: string;
    readonly domain: string;
    readonly name: string;
    readonly version: string;
    readonly successor: string | null;
  }[];
  readonly organisations: readonly {
    readonly name: string;
    readonly adminRoles: readonly string[];
    readonly tenancyMode: string;
    readonly quotas: ResourceQuotas;
  }[];
  readonly applications: readonly {
    readonly organisation: string;
    readonly name: string;
    readonly quotas: ResourceQuotas;
  }[];
}

/** Rows read of each kind: beyond it a single replica's registry is the wrong tool. */
const rowsMax = 200_000;

/** An active revision without its spec. */
type RevisionHead = Omit<RevisionRow, 'spec'>;

type Heads = Omit<RegistryRows, 'schemas'> & { readonly schemas: readonly RevisionHead[] };

/** Names a revision for ever: numbers are never given twice, and the spec of one never changes. */
function revisionKey({ namespace, name, revision }: RevisionHead): string {
  return `${namespace}/${name}/${revision}`;
}

/**
 * Everything the registry is built from, as of one instant: one statement, whose answer is a twentieth
 * of what the specs are. `known` has the specs of the last time; those it lacks are read by a second one.
 */
export async function readRegistryRows(
  pool: Pool,
  known: ReadonlyMap<string, SchemaDefinitionSpec>,
): Promise<RegistryRows & { readonly specs: ReadonlyMap<string, SchemaDefinitionSpec> }> {
  const { rows } = await pool.query<Heads>({ name: 'registry.heads', text: headsSql });
  const heads = rows[0] as Heads;
  const lacking = heads.schemas.filter((head) => !known.has(revisionKey(head)));
  const read = lacking.length === 0 ? [] : await readSpecs(pool, lacking);
  const found = new Map(read.map((row) => [revisionKey(row), row.spec]));
  const specs = new Map<string, SchemaDefinitionSpec>();
  const schemas = heads.schemas.flatMap((head) => {
    const key = revisionKey(head);
    const spec = known.get(key) ?? found.get(key);
    // Gone between the two statements: a notification of it is on its way.
    if (spec === undefined) return [];
    specs.set(key, spec);
    return [{ ...head, spec }];
  });
  return { ...heads, schemas, specs };
}

async function readSpecs(pool: Pool, heads: readonly RevisionHead[]): Promise<RevisionRow[]> {
  const { rows } = await pool.query<RevisionRow>({
    name: 'registry.specs',
    text: `
      select r.namespace, r.name, r.revision, r.spec
        from unnest($1::text[], $2::text[], $3::integer[]) as wanted (namespace, name, revision)
        join platform.schema_revisions r using (namespace, name, revision)`,
    values: [
      heads.map(({ namespace }) => namespace),
      heads.map(({ name }) => name),
      heads.map(({ revision }) => revision),
    ],
  });
  return rows;
}

/** Each list as JSON: one round trip, and one parse that is quicker than of as many rows. */
const headsSql = `
    select
      (select coalesce(json_agg(x), '[]') from (
        select namespace, organisation, application, domain, pg_namespace as "pgNamespace", pg_role as "pgRole",
             json_build_object('defaultRole', default_role, 'adminRole', admin_role,
                               'diagnosticsRole', diagnostics_role) as access
        from platform.domains order by namespace limit ${rowsMax}) as x) as domains,
      (select coalesce(json_agg(x), '[]') from (
        select d.organisation, d.application, d.domain, r.namespace, r.name, r.revision,
             r.pg_namespace as "pgNamespace", r.pg_table as "pgTable", d.pg_role as "pgRole",
             json_build_object('defaultRole', d.default_role, 'adminRole', d.admin_role,
                               'diagnosticsRole', d.diagnostics_role) as access,
             r.activated_at as "activatedAt",
             case when v.state is not null then
               json_build_object('state', v.state, 'successor', v.successor,
                                 'deprecatedAt', v.deprecated_at, 'sunsetAt', v.sunset_at) end as standing,
             exists (select from platform.schema_freezes z
                      where z.namespace = r.namespace and z.name = r.name) as frozen,
             exists (select from platform.schema_references f
                      where f.target_namespace = r.pg_namespace and f.target_table = r.pg_table
                        and (f.source_namespace, f.source_table) <> (r.pg_namespace, r.pg_table)) as referred
        from platform.schema_revisions r
        join platform.domains d on d.namespace = r.namespace
        left join platform.schema_versions v
          on (v.namespace, v.name, v.version) = (r.namespace, r.name, r.version)
       where r.state = 'active'
       order by r.namespace, r.name, r.version limit ${rowsMax}) as x) as schemas,
      (select coalesce(json_agg(x), '[]') from (
        select d.organisation, d.application, d.domain, v.name, v.version, v.successor
        from platform.schema_versions v
        join platform.domains d on d.namespace = v.namespace
       where v.state = 'dropped' order by v.namespace, v.name, v.version limit ${rowsMax}) as x) as dropped,
      (select coalesce(json_agg(x), '[]') from (
        select namespace, name, organisation, actor_id as "actorId", roles, scopes, expires_at as "expiresAt"
        from platform.role_bindings where revoked_at is null order by namespace, name limit ${rowsMax}) as x) as bindings,
      (select coalesce(json_agg(x), '[]') from (
        select namespace, name, organisation, encode(key_hash, 'hex') as "keyHash", actor, actor_type as "actorType",
             roles, scopes, ip_allowlist as "ipAllowlist", expires_at as "expiresAt", revoked_at as "revokedAt",
             false as replaced
        from platform.api_keys
       union all
        select k.namespace, k.name, k.organisation, encode(r.key_hash, 'hex'), k.actor, k.actor_type,
             k.roles, k.scopes, k.ip_allowlist, least(k.expires_at, r.valid_until), k.revoked_at, true
        from platform.rotated_api_keys r
        join platform.api_keys k using (namespace, name)
       where r.valid_until > clock_timestamp() - interval '7 days'
       order by 1, 2, 4 limit ${rowsMax}) as x) as keys,
      (select coalesce(json_agg(x), '[]') from (
        select 'velocity.sh/v1' as "apiVersion", 'AuthStrategy' as kind,
             json_build_object('namespace', namespace, 'name', name) as metadata, spec
        from platform.auth_strategies order by namespace, name limit ${rowsMax}) as x) as strategies,
      (select coalesce(json_agg(x), '[]') from (
        select name, admin_roles as "adminRoles", tenancy_mode as "tenancyMode", quotas
        from platform.organisations order by name limit ${rowsMax}) as x) as organisations,
      (select coalesce(json_agg(x), '[]') from (
        select organisation, name, quotas
        from platform.applications order by organisation, name limit ${rowsMax}) as x) as applications`;
