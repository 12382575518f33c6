import type { Pool } from '../../store/pool.ts';
import type { Revoked } from '../revocation.ts';

/** Shown at once; whoever has revoked more wants the database's own tools. */
const shownMax = 1_000;

export interface RevocationView extends Revoked {
  /** RFC 3339; null: until it is lifted. */
  readonly endsAt: string | null;
  readonly revokedBy: string;
  readonly revokedAt: string;
  readonly reason: string | null;
}

/** Of an organisation, those that have not ended, the newest first. */
export async function listRevocations(
  pool: Pool,
  organisation: string,
): Promise<readonly RevocationView[]> {
  const { rows } = await pool.query<RevocationView>({
    name: 'auth.list-revocations',
    text: `
      select organisation, kind, id, ends_at as "endsAt", revoked_by as "revokedBy",
             revoked_at as "revokedAt", reason
        from platform.revocations
       where organisation = $1::text and (ends_at is null or ends_at > clock_timestamp())
       order by revoked_at desc, kind, id
       limit ${shownMax}`,
    values: [organisation],
  });
  return rows;
}
