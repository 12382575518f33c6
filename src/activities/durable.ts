import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import { errorCodes, VelocityError } from '../errors.ts';
import { sqlState } from '../store/database-error.ts';

/** Well below the heartbeat timeout of src/workflows/steps.ts, whatever the machine is busy with. */
const heartbeatMs = 1_000;

/**
 * Somebody else does the same right now: a role or a namespace made twice at once, a catalogue row
 * updated by two. The winner's work is found done at the next attempt, so a few are enough.
 */
const racing: ReadonlySet<string> = new Set(['23505', '42710', '42P06', '42P07', '42723', 'XX000']);
const racingAttemptsMax = 8;

/** Shuts out a lock or a reader that is in the way: it ends some time. */
const waiting: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', '55006', '57014']);

type Activity<Input, Output> = (input: Input) => Promise<Output>;

/** How a long activity keeps in touch with who waits for it. */
export interface Job {
  /** The same in every attempt of one activity, and in no other activity. */
  readonly key: string;
  /** Aborts when the workflow does not want it any more. */
  readonly signal: AbortSignal;
  /** Where an attempt before this one had come to; undefined: there was none. */
  readonly resumeFrom: unknown;
  /** Tells Temporal where it has come to: the next attempt is given it. */
  progress(details: unknown): void;
}

/**
 * An activity that tells Temporal that it lives, so that a killed worker's work starts again within
 * seconds, and whose errors say whether trying again can help.
 */
export function durable<Input, Output>(
  work: (input: Input, job: Job) => Promise<Output>,
): Activity<Input, Output> {
  return async (input) => {
    const context = Context.current();
    const resumeFrom: unknown = context.info.heartbeatDetails;
    let details = resumeFrom;
    const timer = setInterval(() => context.heartbeat(details), heartbeatMs);
    const { activityId, workflowExecution } = context.info;
    const { workflowId, runId } = workflowExecution ?? {};
    const job: Job = {
      key: JSON.stringify([workflowId, runId, activityId]),
      signal: context.cancellationSignal,
      resumeFrom,
      progress: (reached) => {
        details = reached;
        context.heartbeat(details);
      },
    };
    try {
      return await work(input, job);
    } catch (error) {
      // Whatever it died of: it was asked to stop, and nobody tries it again.
      if (context.cancellationSignal.aborted) throw new CancelledFailure('the work was cancelled');
      throw toFailure(error, context.info.attempt);
    } finally {
      clearInterval(timer);
    }
  };
}

function toFailure(error: unknown, attempt: number): unknown {
  if (error instanceof TemporalFailure || !(error instanceof Error)) return error;
  const state = sqlState(error) ?? sqlState(error.cause) ?? '';
  const helps =
    waiting.has(state) ||
    (racing.has(state) && attempt < racingAttemptsMax) ||
    (error instanceof VelocityError && errorCodes[error.code][2]);
  // What the database said is worth more to a person than what a caller of the API would read.
  const message =
    state !== '' && error.cause instanceof Error ? error.cause.message : error.message;
  const type = error instanceof VelocityError ? error.code : error.name;
  const details = state === '' ? [] : [{ sqlState: state }];
  return ApplicationFailure.create({ message, type, details, nonRetryable: !helps, cause: error });
}
