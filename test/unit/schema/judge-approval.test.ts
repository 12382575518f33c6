import { describe, expect, it } from 'vitest';
import type { ApprovalAttempt, WaitingPlan } from '../../../src/schema/judge-approval.ts';
import { judgeApproval } from '../../../src/schema/judge-approval.ts';

const waiting: WaitingPlan = {
  ...{ planHash: 'a', generation: 2, requestedBy: 'ada', fourEyes: true, decided: false },
};
const attempt: ApprovalAttempt = { planHash: 'a', actor: 'eve', approved: true };
const judged = (plan: Partial<WaitingPlan> | undefined, by: Partial<ApprovalAttempt> = {}) =>
  judgeApproval(plan && { ...waiting, ...plan }, { ...attempt, ...by })?.code;

describe('a decision on a plan', () => {
  it('counts when somebody else decides what waits', () => {
    expect(judged({})).toBeUndefined();
  });

  it('counts once: whoever comes second, in the same moment even, is told so (guarantee 23)', () => {
    expect(judged({ decided: true })).toBe('APPROVAL_CONFLICT');
    expect(judged(undefined)).toBe('APPROVAL_CONFLICT');
  });

  it('counts for the very plan that waits', () => {
    expect(judged({}, { planHash: 'b' })).toBe('APPROVAL_CONFLICT');
  });

  it('is not one’s own where four eyes are asked for, unless it takes the plan back', () => {
    expect(judged({}, { actor: 'ada' })).toBe('SELF_APPROVAL_DENIED');
    expect(judged({}, { actor: 'ada', approved: false })).toBeUndefined();
    expect(judged({ fourEyes: false }, { actor: 'ada' })).toBeUndefined();
  });
});
