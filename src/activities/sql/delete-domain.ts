import type { Transaction } from '../../store/pool.ts';

export async function deleteDomain(tx: Transaction, namespace: string): Promise<void> {
  await tx.query({
    name: 'activities.delete-domain',
    text: `delete from platform.domains where namespace = $1::text`,
    values: [namespace],
  });
}
