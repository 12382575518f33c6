import { describe, expect, it } from 'vitest';
import type { RateLimit } from '../../../src/auth/rate-counters.ts';
import { createRateCounters } from '../../../src/auth/rate-counters.ts';

const minuteMs = 60_000;

function limit(over: Partial<RateLimit> = {}): RateLimit {
  return { policy: 'actor', subject: 'acme/alice', quota: 3, windowMs: minuteMs, ...over };
}

describe('rate counters', () => {
  it('count to the quota and begin anew with the next window', () => {
    let nowMs = 10 * minuteMs + 15_000;
    const counters = createRateCounters({ now: () => nowMs });
    const left = [1, 2, 3].map(() => counters.count([limit()]).standings[0]?.remaining);
    expect(left).toEqual([2, 1, 0]);
    expect(counters.count([limit()]).exceeded).toEqual({
      limit: limit(),
      remaining: 0,
      resetMs: 45_000,
    });
    nowMs = 11 * minuteMs - 1;
    expect(counters.count([limit()]).exceeded?.resetMs).toBe(1);
    nowMs = 11 * minuteMs;
    expect(counters.count([limit()]).exceeded).toBeUndefined();
    counters.close();
  });

  it('tell actors, organisations and policies apart', () => {
    const counters = createRateCounters({ now: () => 0 });
    for (let n = 0; n < 3; n++) counters.count([limit()]);
    for (const other of [
      limit({ subject: 'acme/bob' }),
      limit({ subject: 'other/alice' }),
      limit({ policy: 'search' }),
    ]) {
      expect(counters.count([other]).exceeded).toBeUndefined();
    }
    expect(counters.count([limit()]).exceeded).toBeDefined();
    counters.close();
  });

  it('count a request under all limits or under none', () => {
    const counters = createRateCounters({ now: () => 0 });
    const narrow = limit({ policy: 'organisation', subject: 'acme', quota: 1, windowMs: 1_000 });
    expect(counters.count([limit(), narrow]).exceeded).toBeUndefined();
    for (let n = 0; n < 5; n++) {
      expect(counters.count([limit(), narrow]).exceeded?.limit).toBe(narrow);
    }
    expect(counters.count([limit()]).standings[0]?.remaining).toBe(1);
    counters.close();
  });
});
