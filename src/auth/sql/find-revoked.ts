import type { Pool } from '../../store/pool.ts';
import type { Revoked } from '../revocation.ts';

/** Whether one of them is revoked now, by the database's own clock. */
export async function findRevoked(pool: Pool, parts: readonly Revoked[]): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'auth.find-revoked',
    text: `
      select from platform.revocations r
        join unnest($1::text[], $2::text[], $3::text[]) as part (organisation, kind, id)
             using (organisation, kind, id)
       where r.ends_at is null or r.ends_at > clock_timestamp()
       limit 1`,
    values: [
      parts.map(({ organisation }) => organisation),
      parts.map(({ kind }) => kind),
      parts.map(({ id }) => id),
    ],
  });
  return rowCount > 0;
}
