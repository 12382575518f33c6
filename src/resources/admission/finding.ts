import type { Problem } from '../../errors.ts';
import type { AdmissionView } from './view.ts';

/** What a rule found: a problem refuses the resource, a warning only tells. */
export type Finding = { readonly problem: Problem } | { readonly warning: string };

/** One concern of admission: pure, reports everything it finds, in the order of the spec. */
export type Rule<R> = (resource: R, view: AdmissionView) => Iterable<Finding>;

export function refuse(pointer: string, rule: string, message: string, hint: string): Finding {
  return { problem: { pointer, rule, message, hint } };
}

export function warn(warning: string): Finding {
  return { warning };
}

/** A JSON pointer (RFC 6901). */
export function at(...path: readonly (string | number)[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** `"a", "b" and "c"`, for messages; long lists are cut. */
export function quoted(names: Iterable<string>): string {
  const shown: string[] = [];
  let more = 0;
  for (const name of names) {
    if (shown.length < namesShownMax) shown.push(`"${name}"`);
    else more += 1;
  }
  if (shown.length === 0) return 'none';
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
}

/** Enough to see what is there, few enough to read in a terminal. */
const namesShownMax = 20;
