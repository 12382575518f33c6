import type { Pool } from '../../store/pool.ts';
import type { Revocation, RevokedKind } from '../revocation.ts';

/** Rows of a page: few statements for many revocations, and no answer that fills the memory. */
const pageSize = 5_000;

interface Row {
  readonly organisation: string;
  readonly kind: RevokedKind;
  readonly id: string;
  readonly endsAt: string | null;
}

/** Every revocation that has not ended, a page at a time, in the order of its key. */
export async function* readRevocations(pool: Pool): AsyncGenerator<readonly Revocation[]> {
  let after: readonly string[] = ['', '', ''];
  // Ends: each page begins behind the one before it.
  while (true) {
    const { rows } = await pool.query<Row>({
      name: 'auth.read-revocations',
      text: `
        select organisation, kind, id, ends_at as "endsAt"
          from platform.revocations
         where (organisation, kind, id) > ($1::text, $2::text, $3::text)
           and (ends_at is null or ends_at > clock_timestamp())
         order by organisation, kind, id
         limit ${pageSize}`,
      values: after,
    });
    if (rows.length > 0) yield rows.map(toRevocation);
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    after = [last.organisation, last.kind, last.id];
  }
}

function toRevocation({ endsAt, ...revoked }: Row): Revocation {
  return { ...revoked, endsAt: endsAt === null ? undefined : Date.parse(endsAt) };
}
