import { randomBytes } from 'node:crypto';
import { mintApprovalToken } from '../../src/api/platform/mint-approval-token.ts';
import type { PlanDecider } from '../../src/api/routes/schema-plans.ts';
import type { ResourceRef } from '../../src/contract/names.ts';
import type { ApprovalAttempt } from '../../src/schema/judge-approval.ts';
import type { Transaction } from '../../src/store/pool.ts';

/** Decides as the API does for a caller that it knows: by a token minted for the decision. */
export async function decideByToken(
  pool: Transaction,
  decidePlan: PlanDecider,
  { ref, ...attempt }: ApprovalAttempt & { readonly ref: ResourceRef },
): Promise<void> {
  const minted = await mintApprovalToken(pool, { ref, ...attempt, now: Date.now, randomBytes });
  await decidePlan(ref, { plan: attempt.planHash, token: minted.token });
}
