import type { KeyScope } from '../../../contract/identity.ts';
import type { AuthStrategy } from '../../../contract/kinds.ts';
import type { RevisionRow } from '../../../schema/compile.ts';
import type { Pool } from '../../../store/pool.ts';
import type { DomainEntry } from '../snapshot.ts';

export interface RegistryRows {
  readonly domains: readonly DomainEntry[];
  readonly schemas: readonly RevisionRow[];
  readonly bindings: readonly {
    readonly namespace: string;
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
  }[];
}

/** Rows read of each kind: beyond it a single replica's registry is the wrong tool. */
const rowsMax = 200_000;

/** Everything the registry is built from, as of one instant. */
export function readRegistryRows(pool: Pool): Promise<RegistryRows> {
  return pool.transaction(async (tx) => {
    await tx.query({ text: 'set transaction isolation level repeatable read, read only' });
    const domains = await tx.query<DomainEntry>({
      text: `
        select namespace, organisation, application, domain, pg_namespace as "pgNamespace", pg_role as "pgRole",
               json_build_object('defaultRole', default_role, 'adminRole', admin_role,
                                 'diagnosticsRole', diagnostics_role) as access
          from platform.domains order by namespace limit ${rowsMax}`,
    });
    const schemas = await tx.query<RevisionRow>({
      text: `
        select d.organisation, d.application, d.domain, r.namespace, r.name, r.revision, r.spec,
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
         order by r.namespace, r.name, r.version limit ${rowsMax}`,
    });
    const dropped = await tx.query<RegistryRows['dropped'][number]>({
      text: `
        select d.organisation, d.application, d.domain, v.name, v.version, v.successor
          from platform.schema_versions v
          join platform.domains d on d.namespace = v.namespace
         where v.state = 'dropped' order by v.namespace, v.name, v.version limit ${rowsMax}`,
    });
    const bindings = await tx.query<RegistryRows['bindings'][number]>({
      text: `
        select namespace, organisation, actor_id as "actorId", roles, scopes, expires_at as "expiresAt"
          from platform.role_bindings where revoked_at is null order by namespace, name limit ${rowsMax}`,
    });
    const keys = await tx.query<RegistryRows['keys'][number]>({
      text: `
        select namespace, name, organisation, encode(key_hash, 'hex') as "keyHash", actor, actor_type as "actorType",
               roles, scopes, ip_allowlist as "ipAllowlist", expires_at as "expiresAt", revoked_at as "revokedAt"
          from platform.api_keys order by namespace, name limit ${rowsMax}`,
    });
    const strategies = await tx.query<AuthStrategy>({
      text: `
        select 'velocity.sh/v1' as "apiVersion", 'AuthStrategy' as kind,
               json_build_object('namespace', namespace, 'name', name) as metadata, spec
          from platform.auth_strategies order by namespace, name limit ${rowsMax}`,
    });
    const organisations = await tx.query<RegistryRows['organisations'][number]>({
      text: `
        select name, admin_roles as "adminRoles" from platform.organisations order by name limit ${rowsMax}`,
    });
    return {
      domains: domains.rows,
      schemas: schemas.rows,
      dropped: dropped.rows,
      bindings: bindings.rows,
      keys: keys.rows,
      strategies: strategies.rows,
      organisations: organisations.rows,
    };
  });
}
