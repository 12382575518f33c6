import type { Transaction } from '../../store/pool.ts';
import type { Revoked } from '../revocation.ts';

/** True when there was one. */
export async function liftRevocation(
  tx: Transaction,
  { organisation, kind, id }: Revoked,
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'auth.lift-revocation',
    text: `
      delete from platform.revocations
       where organisation = $1::text and kind = $2::text and id = $3::text`,
    values: [organisation, kind, id],
  });
  return rowCount > 0;
}
