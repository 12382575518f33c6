import type { AuthStrategy } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** The strategy as the API authenticates by it. */
export async function projectAuthStrategy(
  tx: Transaction,
  { metadata, spec }: AuthStrategy,
): Promise<void> {
  await tx.query({
    name: 'activities.project-auth-strategy',
    text: `
      insert into platform.auth_strategies (namespace, name, spec)
      values ($1::text, $2::text, $3::jsonb)
          on conflict (namespace, name) do update
         set spec = excluded.spec
       where auth_strategies.spec is distinct from excluded.spec`,
    values: [metadata.namespace, metadata.name, JSON.stringify(spec)],
  });
}

export async function deleteAuthStrategy(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.delete-auth-strategy',
    text: `delete from platform.auth_strategies where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name],
  });
}
