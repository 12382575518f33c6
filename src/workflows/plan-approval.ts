import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { Planned } from '../activities/planned.ts';
import type { ResourceRef } from '../contract/names.ts';
import { decidePlanSignal, decidePlanUpdate } from '../contract/names.ts';
import type { ApprovalAttempt, DecisionByToken, WaitingPlan } from '../schema/judge-approval.ts';
import { judgeApproval } from '../schema/judge-approval.ts';
import { steps } from './steps.ts';
import type { Changes } from './until-settled.ts';

/** Approves or rejects the plan that waits; a decision that does not count reaches the caller. */
export const decidePlan = defineUpdate<void, [DecisionByToken | ApprovalAttempt]>(decidePlanUpdate);

/** The same without an answer. In both the token says who, and what for: a caller here is not known. */
export const decidePlanByToken = defineSignal<[string]>(decidePlanSignal);

/** Tokens that may wait to be looked at: more are somebody's game. */
const tokensMax = 100;

/** Waits for the word of a person on one plan after the other; made once for a workflow. */
export interface PlanApproval {
  /**
   * Plans afresh. Whoever decides meanwhile has read the status before this workflow could, and is
   * judged by what comes out.
   */
  plan(): Promise<Planned>;
  /** False: the resource has changed, and there is another plan to wait for. */
  decided(plan: WaitingPlan, changes: Changes): Promise<boolean>;
}

export function awaitPlanApprovals(ref: ResourceRef): PlanApproval {
  let waiting: WaitingPlan | undefined;
  let decision: (ApprovalAttempt & { readonly how: string }) | undefined;
  const tokens: string[] = [];
  // From the start: an Update that a run finds waiting is looked at before the run's first line.
  let isPlanning = true;

  const take = (attempt: ApprovalAttempt, how: string): void => {
    if (waiting === undefined) return;
    waiting = { ...waiting, decided: true };
    decision = { ...attempt, how };
  };
  const judge = (attempt: ApprovalAttempt): void => {
    const refused = judgeApproval(waiting, attempt);
    if (refused === undefined) return;
    throw ApplicationFailure.nonRetryable(refused.message, refused.code);
  };
  const decide = async (asked: DecisionByToken | ApprovalAttempt): Promise<void> => {
    const attempt = 'token' in asked ? await redeem(asked) : asked;
    await condition(() => !isPlanning);
    judge(attempt);
    take(attempt, 'update');
  };
  const redeem = async ({ plan, token }: DecisionByToken): Promise<ApprovalAttempt> => {
    const attempt = await steps.redeemApprovalToken({ ref, token });
    if (attempt?.planHash === plan) return attempt;
    throw conflict('The token is unknown, used, expired or for another plan.');
  };
  setHandler(decidePlan, decide, {
    // Names without a token were believed once: such Updates are in histories, which no validator
    // sees again, and are accepted from nobody.
    validator: (asked) => {
      if (!('token' in asked) || typeof asked.token !== 'string') {
        throw conflict('A decision is taken by the token that the API mints for it.');
      }
      if (!isPlanning) judge({ planHash: asked.plan, actor: '', approved: false });
    },
  });
  setHandler(decidePlanByToken, (token) => {
    if (tokens.length < tokensMax) tokens.push(token);
  });

  const redeemTokens = async (): Promise<void> => {
    for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
      const attempt = await steps.redeemApprovalToken({ ref, token });
      if (attempt === undefined || judgeApproval(waiting, attempt) !== undefined) continue;
      take(attempt, 'signal');
    }
  };

  const record = async (taken: typeof decision): Promise<boolean> => {
    if (taken === undefined) return false;
    await steps.recordDecision({ ref, ...taken });
    return true;
  };

  return {
    plan: async () => {
      isPlanning = true;
      waiting = undefined;
      try {
        const planned = await steps.planSchemaChange(ref);
        if (planned.next === 'await') waiting = planned.waiting;
        return planned;
      } finally {
        isPlanning = false;
      }
    },
    decided: async (plan, changes) => {
      setCurrentDetails(
        `waits for approval: velocity approve schema ${ref.name} -n ${ref.namespace} --plan ${plan.planHash}`,
      );
      while (decision === undefined && !changes.seen()) {
        await condition(() => decision !== undefined || changes.seen() || tokens.length > 0);
        await redeemTokens();
      }
      // Whoever decides at the same time is told that somebody was faster.
      await condition(allHandlersFinished);
      const taken = decision;
      [waiting, decision] = [undefined, undefined];
      return record(taken);
    },
  };
}

function conflict(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'APPROVAL_CONFLICT');
}
