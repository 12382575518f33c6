import { createHash } from 'node:crypto';
import type { ResourceRef } from '../contract/names.ts';
import type { ApprovalAttempt } from '../schema/judge-approval.ts';
import type { ActivityDeps } from './deps.ts';
import type { Job } from './durable.ts';
import { redeemToken } from './sql/approval-tokens.ts';
import type { PlanDecision } from './sql/schema-plans.ts';
import { decidePlan } from './sql/schema-plans.ts';

/** Keeps a decision that the workflow took; repeating it changes nothing. */
export async function recordDecision(deps: ActivityDeps, decision: PlanDecision): Promise<boolean> {
  return deps.pool.transaction((tx) => decidePlan(tx, decision));
}

/**
 * What a token stands for: its actor's decision on one plan. Undefined for a token that is unknown,
 * used, expired or for something else: whatever carried it then means nothing. Whoever used it gets the
 * same answer in its next attempt; a used token, which is to be read in Temporal, serves nobody else.
 */
export async function redeemApprovalToken(
  deps: ActivityDeps,
  { ref, token }: { readonly ref: ResourceRef; readonly token: string },
  { key }: Pick<Job, 'key'>,
): Promise<ApprovalAttempt | undefined> {
  const tokenHash = createHash('sha256').update(token).digest();
  const usedHash = createHash('sha256').update(tokenHash).update(key).digest();
  return redeemToken(deps.pool, { ref, tokenHash, usedHash });
}
