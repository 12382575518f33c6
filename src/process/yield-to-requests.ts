import { constants, getPriority, setPriority } from 'node:os';

/** What `nice -n` is told, for a server that is not ours. */
export const backgroundPriority = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * Who works behind requests takes what they leave of a shared machine's cores; on a machine of its
 * own this changes nothing. Call it first: threads inherit it from whoever starts them.
 */
export function yieldToRequests(): void {
  try {
    if (getPriority() < backgroundPriority) setPriority(backgroundPriority);
  } catch {
    // A sandbox may forbid it, and a courtesy is no reason not to start.
  }
}
