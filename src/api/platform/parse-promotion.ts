import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';
import { durationDays } from '../../schema/duration.ts';

/** `POST …/promote`: which version takes the records over, and what becomes of the one before. */
export interface Promotion {
  readonly to: string;
  /** How long the old version is still read, from the cut-over on; absent: until it is dropped. */
  readonly sunset?: string;
  /** Stay in step instead of cutting over. */
  readonly hold: boolean;
}

export function parsePromotion(body: unknown): Promotion {
  const given = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  const { to, sunset, hold = false, ...others } = given as Record<string, unknown>;
  const problems: Problem[] = Object.keys(others).map((member) => ({
    ...{ pointer: `/${member}`, rule: 'unknown', message: 'is not known here' },
    hint: 'to, and sunset or hold where they are wanted',
  }));
  if (typeof to !== 'string' || !/^v[1-9][0-9]*$/.test(to)) {
    const message = 'is not a version';
    problems.push({ pointer: '/to', rule: 'format', message, hint: 'v2, for example' });
  }
  if (sunset !== undefined && durationDays(String(sunset)) === undefined) {
    const message = 'is not a duration';
    problems.push({ pointer: '/sunset', rule: 'format', message, hint: '30d, for example' });
  }
  if (typeof hold !== 'boolean') {
    problems.push({ pointer: '/hold', rule: 'type', message: 'is not true or false' });
  }
  if (problems.length > 0) throw validationError('The promotion is not well formed.', problems);
  return {
    to: to as string,
    hold: hold as boolean,
    ...(sunset !== undefined && { sunset: sunset as string }),
  };
}
