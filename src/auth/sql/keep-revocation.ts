import type { Transaction } from '../../store/pool.ts';
import type { Revocation } from '../revocation.ts';

/** Keeps a revocation; of two of the same thing the one that ends later counts. */
export async function keepRevocation(
  tx: Transaction,
  revocation: Revocation,
  { by, reason }: { readonly by: string; readonly reason: string | undefined },
): Promise<void> {
  const { organisation, kind, id, endsAt } = revocation;
  await tx.query({
    name: 'auth.keep-revocation',
    text: `
      insert into platform.revocations (organisation, kind, id, ends_at, revoked_by, reason)
      values ($1::text, $2::text, $3::text, $4::timestamptz, $5::text, $6::text)
          on conflict (organisation, kind, id) do update
         set ends_at = case when revocations.ends_at is null or excluded.ends_at is null then null
                            else greatest(revocations.ends_at, excluded.ends_at) end,
             revoked_by = excluded.revoked_by, reason = excluded.reason, revoked_at = excluded.revoked_at`,
    values: [
      organisation,
      kind,
      id,
      endsAt === undefined ? null : new Date(endsAt).toISOString(),
      by,
      reason ?? null,
    ],
  });
}
