import { describe, expect, it } from 'vitest';
import { WatchPulse } from '../../../src/operator/watch-pulse.ts';

describe('the pulse of a watch', () => {
  it('is missed when nothing at all was heard for three rounds of lists', () => {
    let now = 0;
    const pulse = new WatchPulse(() => now);
    expect(pulse.isAlive()).toBe(true);
    pulse.beat();
    now = 899_999;
    expect(pulse.isAlive()).toBe(true);
    now = 900_000;
    expect(pulse.isAlive()).toBe(false);
    pulse.beat();
    expect(pulse.isAlive()).toBe(true);
  });

  it('is not asked of an operator that waits for another', () => {
    let now = 0;
    const pulse = new WatchPulse(() => now);
    pulse.beat();
    pulse.end();
    now = 3_600_000;
    expect(pulse.isAlive()).toBe(true);
  });
});
