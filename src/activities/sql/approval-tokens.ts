import type { ResourceRef } from '../../contract/names.ts';
import type { ApprovalAttempt } from '../../schema/judge-approval.ts';
import type { Transaction } from '../../store/pool.ts';

/** A retry of the activity that used the token a moment ago still gets its answer. */
const retryWindow = '1 minute';

export async function redeemToken(
  tx: Transaction,
  { ref, tokenHash }: { readonly ref: ResourceRef; readonly tokenHash: Buffer },
): Promise<ApprovalAttempt | undefined> {
  const { rows } = await tx.query<TokenRow>({
    name: 'activities.redeem-token',
    text: `
      update platform.approval_tokens
         set used_at = coalesce(used_at, clock_timestamp())
       where token_hash = $1::bytea and namespace = $2::text and name = $3::text
         and expires_at > clock_timestamp()
         and (used_at is null or used_at > clock_timestamp() - interval '${retryWindow}')
      returning plan_hash as "planHash", actor, approved, reason`,
    values: [tokenHash, ref.namespace, ref.name],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { reason, ...attempt } = row;
  return { ...attempt, ...(reason !== null && { reason }) };
}

interface TokenRow {
  readonly planHash: string;
  readonly actor: string;
  readonly approved: boolean;
  readonly reason: string | null;
}
