import type { ErrorCode } from '../errors.ts';

/** A plan that waits for somebody's word. */
export interface WaitingPlan {
  readonly planHash: string;
  readonly generation: number;
  /** Who asked for the change; empty where nobody can tell. */
  readonly requestedBy: string;
  /** The domain wants it approved by somebody else. */
  readonly fourEyes: boolean;
  readonly decided: boolean;
}

export interface ApprovalAttempt {
  readonly planHash: string;
  readonly actor: string;
  readonly approved: boolean;
  readonly reason?: string;
}

/** What an Update carries: who decides, and what, is for redeeming the token to say. */
export interface DecisionByToken {
  readonly plan: string;
  readonly token: string;
}

export interface ApprovalRefusal {
  readonly code: Extract<ErrorCode, 'APPROVAL_CONFLICT' | 'SELF_APPROVAL_DENIED'>;
  readonly message: string;
}

/**
 * Whether this decision counts: the one judge of every way in, be it a request, a signal or an
 * annotation. Rejecting one's own plan is taking it back, which needs nobody else.
 */
export function judgeApproval(
  waiting: WaitingPlan | undefined,
  { planHash, actor, approved }: ApprovalAttempt,
): ApprovalRefusal | undefined {
  if (waiting === undefined || waiting.decided) {
    return { code: 'APPROVAL_CONFLICT', message: 'No plan of this schema waits for a decision.' };
  }
  if (waiting.planHash !== planHash) {
    const message = `The plan that waits is ${waiting.planHash}, not ${planHash}.`;
    return { code: 'APPROVAL_CONFLICT', message };
  }
  if (approved && waiting.fourEyes && waiting.requestedBy === '') {
    const message = 'Nobody can tell who asked for this change; apply it again through Velocity.';
    return { code: 'SELF_APPROVAL_DENIED', message };
  }
  if (approved && waiting.fourEyes && waiting.requestedBy === actor) {
    const message = `${actor} asked for this change; somebody else approves it.`;
    return { code: 'SELF_APPROVAL_DENIED', message };
  }
  return undefined;
}
