import type { Resource } from '../../../contract/kinds.ts';
import type { Transaction } from '../../../store/pool.ts';
import type { ResourceKey } from '../../store.ts';
import type { ResourceRow } from '../resource-row.ts';
import { resourceColumns, toResource } from '../resource-row.ts';

/** Any number will do, so long as nothing else takes the same: "velocity" in ASCII, as a bigint. */
const applyLock = '8531333755082011769';

/**
 * One apply at a time, until the end of the transaction. Admission looks at several resources
 * (quotas, collisions, references), so two applies that cannot see each other could break a rule
 * together. Specs change rarely; statuses do not come this way.
 */
export async function lockApply(tx: Transaction, actor: string | undefined): Promise<void> {
  await tx.query({
    name: 'resources.lock-apply',
    text: `
      select pg_advisory_xact_lock(${applyLock}),
             set_config('velocity.actor', $1::text, true)`,
    values: [actor ?? ''],
  });
}

/** The stored resources of these keys, locked against status writes until the transaction ends. */
export async function lockResources(
  tx: Transaction,
  keys: readonly ResourceKey[],
): Promise<Resource[]> {
  const { rows } = await tx.query<ResourceRow>({
    name: 'resources.lock',
    text: `
      select ${resourceColumns}
        from platform.resources
       where (kind, namespace, name) in (
               select * from unnest($1::text[], $2::text[], $3::text[]))
       order by kind, namespace, name
         for update`,
    values: [
      keys.map(({ kind }) => kind),
      keys.map(({ namespace }) => namespace),
      keys.map(({ name }) => name),
    ],
  });
  return rows.map(toResource);
}
