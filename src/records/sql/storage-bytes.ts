import type { Pool } from '../../store/pool.ts';

/** What the tables of these namespaces take, with history, indexes and outboxes. */
export async function storageBytes(pool: Pool, namespaces: readonly string[]): Promise<number> {
  const { rows } = await pool.query<{ bytes: number }>({
    name: 'records.storage',
    text: `
      select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as bytes
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = any ($1::text[]) and c.relkind = 'r'`,
    values: [namespaces],
  });
  return Number(rows[0]?.bytes ?? 0);
}
