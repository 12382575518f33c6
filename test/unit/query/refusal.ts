import type { Problem } from '../../../src/errors.ts';
import { VelocityError } from '../../../src/errors.ts';

/** The VelocityError that `act` throws; anything else fails the test. */
export function refusalOf(act: () => unknown): VelocityError {
  try {
    act();
  } catch (error) {
    if (error instanceof VelocityError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

export function problemsOf(act: () => unknown): Problem[] {
  return refusalOf(act).details?.['problems'] as Problem[];
}
