import type { Domain } from '../../contract/kinds.ts';
import type { DomainIdentity } from '../../resources/admission/tenancy.ts';
import type { Transaction } from '../../store/pool.ts';

/** The domain as the API serves by, and where its tables live. */
export async function projectDomain(
  tx: Transaction,
  options: { domain: Domain; identity: DomainIdentity; pgNamespace: string; pgRole: string },
): Promise<void> {
  const { domain, identity, pgNamespace, pgRole } = options;
  const { access } = domain.spec;
  await tx.query({
    name: 'activities.project-domain',
    text: `
      insert into platform.domains
             (namespace, organisation, application, domain, pg_namespace, pg_role,
              default_role, admin_role, diagnostics_role)
      values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,
              $7::text, $8::text, $9::text)
          on conflict (namespace) do update
         set default_role     = excluded.default_role,
             admin_role       = excluded.admin_role,
             diagnostics_role = excluded.diagnostics_role`,
    values: [
      domain.metadata.namespace,
      identity.organisation,
      identity.application,
      identity.domain,
      pgNamespace,
      pgRole,
      access.defaultRole,
      access.adminRole,
      access.diagnosticsRole ?? null,
    ],
  });
}
