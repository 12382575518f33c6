import type { Organisation } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** The organisation as the API decides by it: who administers it, and its quotas. */
export async function projectOrganisation(
  tx: Transaction,
  { metadata, spec }: Organisation,
): Promise<void> {
  await tx.query({
    name: 'activities.project-organisation',
    text: `
      insert into platform.organisations (name, admin_roles, tenancy_mode, quotas)
      values ($1::text, $2::text[], $3::text, $4::jsonb)
          on conflict (name) do update
         set admin_roles = excluded.admin_roles, tenancy_mode = excluded.tenancy_mode,
             quotas = excluded.quotas
       where (organisations.admin_roles, organisations.tenancy_mode, organisations.quotas)
             is distinct from (excluded.admin_roles, excluded.tenancy_mode, excluded.quotas)`,
    values: [
      metadata.name,
      spec.adminRoles ?? [],
      spec.tenancyMode ?? 'single',
      JSON.stringify(spec.resourceQuotas ?? {}),
    ],
  });
}

export async function deleteOrganisation(tx: Transaction, name: string): Promise<void> {
  await tx.query({
    name: 'activities.delete-organisation',
    text: `delete from platform.organisations where name = $1::text`,
    values: [name],
  });
}
