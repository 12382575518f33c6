import type { Organisation } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** The organisation as the API decides by it: who administers it. */
export async function projectOrganisation(
  tx: Transaction,
  { metadata, spec }: Organisation,
): Promise<void> {
  await tx.query({
    name: 'activities.project-organisation',
    text: `
      insert into platform.organisations (name, admin_roles)
      values ($1::text, $2::text[])
          on conflict (name) do update
         set admin_roles = excluded.admin_roles
       where organisations.admin_roles is distinct from excluded.admin_roles`,
    values: [metadata.name, spec.adminRoles ?? []],
  });
}

export async function deleteOrganisation(tx: Transaction, name: string): Promise<void> {
  await tx.query({
    name: 'activities.delete-organisation',
    text: `delete from platform.organisations where name = $1::text`,
    values: [name],
  });
}
