import type { Transaction } from '../../store/pool.ts';

/** Whether the domain wants plans approved by somebody else than who asked for the change. */
export async function asksForFourEyes(tx: Transaction, namespace: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'activities.four-eyes',
    text: `
      select from platform.resources
       where kind = 'Domain' and namespace = $1::text and (spec -> 'approvals' ->> 'plans')::boolean`,
    values: [namespace],
  });
  return rowCount > 0;
}
