import { arithmetic } from './arithmetic.ts';
import { comparisons } from './comparison.ts';
import { conversions } from './conversions.ts';
import type { Overload } from './overload.ts';
import { textFunctions } from './text.ts';
import { timeFunctions } from './time.ts';

/**
 * Everything that has a table of types; docs/cel.md lists it. Logic, equality, `in`, `has`, lists,
 * `matches`, `duration` and the macros have rules of their own in check.ts.
 */
export const overloads: ReadonlyMap<string, readonly Overload[]> = Map.groupBy(
  [...arithmetic, ...comparisons, ...conversions, ...textFunctions, ...timeFunctions],
  ({ name }) => name,
);
