import { describe, expect, it } from 'vitest';
import { createFailedAttempts } from '../../../src/auth/failed-attempts.ts';

function attempts(addressesMax?: number) {
  let nowMs = 1_000_000;
  const counted = createFailedAttempts({
    now: () => nowMs,
    ...(addressesMax !== undefined && { addressesMax }),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { ...counted, pass };
}

describe('failed attempts', () => {
  it('are answered at once at first, then later and later, then not examined', () => {
    const { failed, waitMs } = attempts();
    const held = Array.from({ length: 300 }, () => failed('192.0.2.1'));
    expect(held.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => 0));
    expect(held.slice(50, 53)).toEqual([50, 100, 150]);
    expect(waitMs('192.0.2.1')).toBeGreaterThan(0);
  });

  it('are forgotten at the pace that they are allowed at', () => {
    const { failed, waitMs, pass } = attempts();
    for (let i = 0; i < 300; i++) failed('192.0.2.1');
    pass(waitMs('192.0.2.1'));
    expect(waitMs('192.0.2.1')).toBe(0);
    pass(60_000);
    expect(failed('192.0.2.1')).toBe(0);
  });

  it('touch no other address', () => {
    const { failed, waitMs } = attempts();
    for (let i = 0; i < 1_000; i++) failed('192.0.2.1');
    expect(waitMs('192.0.2.2')).toBe(0);
    expect(failed('192.0.2.2')).toBe(0);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['2001:0db8:1:2::1', '2001:db8:1:2:0:0:0:3'],
    ['::1', '::2'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
  ])('of %s and %s are those of one caller', (one, other) => {
    const { failed, waitMs } = attempts();
    for (let i = 0; i < 300; i++) failed(one);
    expect(waitMs(other)).toBeGreaterThan(0);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
  ])('of %s and %s are those of two', (one, other) => {
    const { failed, waitMs } = attempts();
    for (let i = 0; i < 300; i++) failed(one);
    expect(waitMs(other)).toBe(0);
  });

  it('are remembered of so many addresses and no more', () => {
    const { failed, waitMs } = attempts(3);
    for (let i = 0; i < 300; i++) failed('192.0.2.1');
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) failed(address);
    expect(waitMs('192.0.2.1')).toBe(0);
  });
});
