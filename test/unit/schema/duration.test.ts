import { describe, expect, it } from 'vitest';
import { durationDays } from '../../../src/schema/duration.ts';

describe('durations', () => {
  it.each([
    ['86400s', 1],
    ['1440m', 1],
    ['24h', 1],
    ['90d', 90],
    ['2w', 14],
    ['12mo', 365],
    ['5y', 1_825],
  ])('%s is %d days', (text, days) => {
    expect(durationDays(text)).toBeCloseTo(days, 9);
  });

  it.each(['', '5', 'y', '5 y', '-5d', '1.5d', '5Y', '1d2h'])('%j is none', (text) => {
    expect(durationDays(text)).toBeUndefined();
  });
});
