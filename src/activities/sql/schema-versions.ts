import type { Transaction } from '../../store/pool.ts';

/** The schema goes, and with it all that was known of its versions; the registry is told. */
export async function forgetVersions(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.forget-versions',
    text: `delete from platform.schema_versions where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name],
  });
}
