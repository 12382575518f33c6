import { createHash } from 'node:crypto';
import type { ResourceRef } from '../../contract/names.ts';
import type { ApprovalAttempt } from '../../schema/judge-approval.ts';
import type { Transaction } from '../../store/pool.ts';

const tokenBytes = 32;
const tokenLifeMs = 3_600_000;

interface MintOptions extends ApprovalAttempt {
  readonly ref: ResourceRef;
  readonly now: () => number;
  readonly randomBytes: (size: number) => Buffer;
}

/** One decision of one actor on one plan, within the hour: all that a workflow believes. */
export async function mintApprovalToken(
  tx: Transaction,
  { ref, planHash, actor, approved, reason, now, randomBytes }: MintOptions,
): Promise<{ token: string; expiresAt: string }> {
  const token = randomBytes(tokenBytes).toString('base64url');
  const expiresAt = new Date(now() + tokenLifeMs).toISOString();
  await tx.query({
    name: 'api.mint-approval-token',
    text: `
      insert into platform.approval_tokens
             (token_hash, namespace, name, plan_hash, actor, approved, reason, expires_at)
      values ($1::bytea, $2::text, $3::text, $4::text, $5::text, $6::boolean, $7::text, $8::timestamptz)`,
    values: [
      createHash('sha256').update(token).digest(),
      ...[ref.namespace, ref.name, planHash, actor, approved, reason ?? null, expiresAt],
    ],
  });
  return { token, expiresAt };
}
