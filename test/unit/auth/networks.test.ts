import { describe, expect, it } from 'vitest';
import { openNetworks } from '../../../src/auth/networks.ts';

describe('networks', () => {
  const isIn = openNetworks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '203.0.113.128/25']);

  it.each(['10.255.0.1', '192.0.2.7', '2001:db8:ffff::1', '::ffff:10.1.2.3', '203.0.113.200'])(
    'hold %s',
    (address) => {
      expect(isIn(address)).toBe(true);
    },
  );

  it.each([
    ...['11.0.0.1', '192.0.2.8', '2001:db9::1', '::ffff:11.1.2.3', '203.0.113.127'],
    ...['', 'unknown', '10.0.0.1:443', '10.0.0.1, 10.0.0.2', '010.0.0.1', '10.1', '0x0a000001'],
  ])('do not hold %j', (address) => {
    expect(isIn(address)).toBe(false);
  });
});
