import { setTimeout as sleep } from 'node:timers/promises';
import { isConflict, NotStartedError, toVelocityError } from './database-error.ts';

/** A deadlock or serialization failure kept nothing, so the transaction runs again this often. */
const attemptsMax = 4;
/** Connections that may turn out dead one after the other: more than a pool of ours has. */
const deadConnectionsMax = 40;
const pauseMs = 20;

/**
 * Runs a whole transaction, and again where it certainly had no effect: a conflict with another one,
 * or a connection that had ended before. Everything else is thrown, with its code of ours.
 */
export async function withRetries<T>(transaction: () => Promise<T>): Promise<T> {
  let conflicts = 0;
  let dead = 0;
  for (;;) {
    try {
      return await transaction();
    } catch (error) {
      if (error instanceof NotStartedError && ++dead < deadConnectionsMax) continue;
      if (!isConflict(error) || ++conflicts >= attemptsMax) throw toVelocityError(error);
      // Full jitter, so that two transactions that met once do not meet again.
      await sleep(Math.random() * pauseMs * conflicts);
    }
  }
}
