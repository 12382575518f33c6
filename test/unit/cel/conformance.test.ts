import { describe, expect, it } from 'vitest';
import { checkCel } from '../../../src/cel/check.ts';
import { evaluateCel } from '../../../src/cel/evaluate.ts';
import { corpus, shown } from './corpus.ts';

/** Where Velocity says otherwise on purpose (docs/cel.md), mostly to say the same as Postgres. */
const deviations: ReadonlySet<string> = new Set([
  // No infinity and no NaN.
  ...['0.0/0.0 == 0.0/0.0', '0.0/0.0 != 0.0/0.0', '15.75 / 0.0'],
  ...['2.0 * 8.988466e+307 ', '2.0 * -8.988466e+307 '],
  // A text that is to be a number has no exponent.
  ...["double('6.02214e23')", "double('1.38e-23')", "double('-84.32e7')", "double('-5.43e-21')"],
  // It is an integer of 64 bits after all.
  'int(-9223372036854775808.0)',
  // Times are kept to the microsecond, so that durations reach ten thousand years and more.
  "string(timestamp('9999-12-31T23:59:59.999999999Z'))",
  "timestamp('2009-02-13T23:31:20.123456789Z').getMilliseconds()",
  "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
  "timestamp('0001-01-01T00:00:00Z') - timestamp('9999-12-31T23:59:59Z')",
  ...["duration('-320000000000s')", "duration('320000000000s')"],
  "duration('-200000000000s') + duration('-200000000000s')",
  "duration('200000000000s') + duration('200000000000s')",
  "duration('-200000000000s') - duration('200000000000s')",
  "duration('200000000000s') - duration('-200000000000s')",
]);

describe('the conformance corpus of CEL', () => {
  it('has the answers that it asks for, wherever the types are known here', () => {
    const typed = corpus.flatMap((one) => {
      const checked = checkCel(one.expr, new Map());
      return 'ok' in checked ? [{ ...one, cel: checked.ok }] : [];
    });
    const differing = typed.filter(({ cel, gives }) => {
      const value = evaluateCel(cel, {});
      return (value === undefined ? undefined : shown(value)) !== gives;
    });
    expect(new Set(differing.map(({ expr }) => expr))).toEqual(deviations);
    expect(typed.length).toBeGreaterThan(430);
  });
});
