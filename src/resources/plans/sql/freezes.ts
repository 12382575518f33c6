import type { Transaction } from '../../../store/pool.ts';

export interface Freeze {
  readonly namespace: string;
  readonly name: string;
  readonly by: string;
  readonly reason: string | null;
}

/** Those of these schemas that somebody froze by hand. */
export async function findFreezes(
  tx: Transaction,
  keys: readonly { readonly namespace: string; readonly name: string }[],
): Promise<Freeze[]> {
  const { rows } = await tx.query<Freeze>({
    name: 'plans.find-freezes',
    text: `
      select namespace, name, frozen_by as by, reason from platform.schema_freezes
       where (namespace, name) in (select * from unnest($1::text[], $2::text[]))
       order by namespace, name`,
    values: [keys.map(({ namespace }) => namespace), keys.map(({ name }) => name)],
  });
  return rows;
}
