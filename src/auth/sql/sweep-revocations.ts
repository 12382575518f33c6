import type { Pool } from '../../store/pool.ts';

/** Rows forgotten at a time, so that the delete stays short. */
const batchSizeMax = 10_000;

/** Forgets revocations whose credentials have ended by themselves. */
export async function sweepRevocations(pool: Pool): Promise<void> {
  await pool.query({
    name: 'auth.sweep-revocations',
    text: `
      delete from platform.revocations
       where (organisation, kind, id) in (
         select organisation, kind, id from platform.revocations
          where ends_at < clock_timestamp() - interval '1 hour'
          order by ends_at limit ${batchSizeMax})`,
  });
}
