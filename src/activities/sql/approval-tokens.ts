import type { ResourceRef } from '../../contract/names.ts';
import type { ApprovalAttempt } from '../../schema/judge-approval.ts';
import type { Transaction } from '../../store/pool.ts';

/** A retry of the activity that used the token a moment ago still gets its answer. */
const retryWindow = '1 minute';

export async function redeemToken(
  tx: Transaction,
  { ref, tokenHash }: { readonly ref: ResourceRef; readonly tokenHash: Buffer },
): Promise<ApprovalAttempt | undefined> {
  const { rows } = await tx.query<{ planHash: string; actor: string }>({
    name: 'activities.redeem-token',
    text: `
      update platform.approval_tokens
         set used_at = coalesce(used_at, clock_timestamp())
       where token_hash = $1::bytea and namespace = $2::text and name = $3::text
         and expires_at > clock_timestamp()
         and (used_at is null or used_at > clock_timestamp() - interval '${retryWindow}')
      returning plan_hash as "planHash", actor`,
    values: [tokenHash, ref.namespace, ref.name],
  });
  const [row] = rows;
  return row && { ...row, approved: true };
}
