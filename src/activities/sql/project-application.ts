import type { Application } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

/** The application as the API decides by it: its quotas. */
export async function projectApplication(
  tx: Transaction,
  { metadata, spec }: Application,
): Promise<void> {
  await tx.query({
    name: 'activities.project-application',
    text: `
      insert into platform.applications (organisation, name, quotas)
      values ($1::text, $2::text, $3::jsonb)
          on conflict (organisation, name) do update
         set quotas = excluded.quotas
       where applications.quotas is distinct from excluded.quotas`,
    values: [spec.org, metadata.name, JSON.stringify(spec.resourceQuotas ?? {})],
  });
}

export async function deleteApplication(
  tx: Transaction,
  { metadata, spec }: Application,
): Promise<void> {
  await tx.query({
    name: 'activities.delete-application',
    text: `delete from platform.applications where organisation = $1::text and name = $2::text`,
    values: [spec.org, metadata.name],
  });
}
