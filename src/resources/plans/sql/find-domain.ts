import type { Domain } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';

/** A provisioned domain: where the tables of its schemas live. */
export interface DomainRow {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  readonly namespace: string;
  readonly pgNamespace: string;
  readonly pgRole: string;
  readonly access: Domain['spec']['access'];
}

export async function findDomain(
  tx: Transaction,
  namespace: string,
): Promise<DomainRow | undefined> {
  const { rows } = await tx.query<DomainRow>({
    name: 'plans.find-domain',
    text: `
      select organisation, application, domain, namespace,
             pg_namespace as "pgNamespace", pg_role as "pgRole",
             jsonb_strip_nulls(jsonb_build_object(
               'defaultRole', default_role, 'adminRole', admin_role,
               'diagnosticsRole', diagnostics_role)) as access
        from platform.domains
       where namespace = $1::text`,
    values: [namespace],
  });
  return rows[0];
}
