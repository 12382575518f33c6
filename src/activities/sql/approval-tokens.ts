import type { ResourceRef } from '../../contract/names.ts';
import type { ApprovalAttempt } from '../../schema/judge-approval.ts';
import type { Transaction } from '../../store/pool.ts';

interface RedeemOptions {
  readonly ref: ResourceRef;
  readonly tokenHash: Buffer;
  /** Of the token and whoever uses it: from its use on the token is known by this alone. */
  readonly usedHash: Buffer;
}

/** Uses a token up; whoever did so is answered again. */
export async function redeemToken(
  tx: Transaction,
  { ref, tokenHash, usedHash }: RedeemOptions,
): Promise<ApprovalAttempt | undefined> {
  const { rows } = await tx.query<TokenRow>({
    name: 'activities.redeem-token',
    text: `
      update platform.approval_tokens
         set used_at = coalesce(used_at, clock_timestamp()), token_hash = $2::bytea
       where (token_hash = $1::bytea and used_at is null or token_hash = $2::bytea and used_at is not null)
         and namespace = $3::text and name = $4::text and expires_at > clock_timestamp()
      returning plan_hash as "planHash", actor, approved, reason`,
    values: [tokenHash, usedHash, ref.namespace, ref.name],
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
