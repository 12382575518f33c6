import type { RoleBinding } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** The binding as the API decides by it. The organisation is its domain's; without one, no row. */
export async function projectRoleBinding(tx: Transaction, binding: RoleBinding): Promise<boolean> {
  const { metadata, spec } = binding;
  const { rowCount } = await tx.query({
    name: 'activities.project-role-binding',
    text: `
      insert into platform.role_bindings
             (namespace, name, organisation, actor_id, roles, scopes, expires_at, granted_by)
      select d.namespace, $2::text, d.organisation, $3::text, $4::text[], $5::jsonb,
             $6::timestamptz, $7::text
        from platform.domains d
       where d.namespace = $1::text
          on conflict (namespace, name) do update
         set organisation = excluded.organisation,
             actor_id     = excluded.actor_id,
             roles        = excluded.roles,
             scopes       = excluded.scopes,
             expires_at   = excluded.expires_at,
             granted_by   = excluded.granted_by`,
    values: [
      metadata.namespace,
      metadata.name,
      spec.actorId,
      spec.roles,
      JSON.stringify(spec.scopes ?? []),
      spec.expiresAt ?? null,
      spec.grantedBy ?? null,
    ],
  });
  return rowCount > 0;
}

export async function deleteRoleBinding(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.delete-role-binding',
    text: `delete from platform.role_bindings where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name],
  });
}
