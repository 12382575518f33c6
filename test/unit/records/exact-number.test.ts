import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withinDecimal } from '../../../src/records/exact-number.ts';

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 14 });
const decimal = fc
  .tuple(fc.constantFrom('', '-'), digits, fc.option(digits, { nil: undefined }))
  .map(
    ([sign, whole, fraction]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}`,
  );

/** Both as whole numbers of the smallest unit that either has. */
function scaledBy(text: string, places: number): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(places, '0'));
  return text.startsWith('-') ? -value : value;
}

describe('withinDecimal', () => {
  it('compares digit by digit, short texts and long ones alike', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: -1_000, max: 1_000 }), (text, bound) => {
        const exact = scaledBy(text, 20) >= scaledBy(String(bound), 20);
        expect(withinDecimal({ min: bound }, text)).toBe(exact);
      }),
      { numRuns: 2_000 },
    );
  });

  it('counts the digits that count', () => {
    const bounds = { precision: 5, scale: 2 };
    for (const text of ['0', '0.00', '123.45', '-123.45', '000123.4500', '0.05']) {
      expect([text, withinDecimal(bounds, text)]).toEqual([text, true]);
    }
    for (const text of [
      '1234',
      '1234.5',
      '0.005',
      '-1234',
      '',
      '-',
      '.',
      '.5',
      '5.',
      '1e9',
      '+1',
    ]) {
      expect([text, withinDecimal(bounds, text)]).toEqual([text, false]);
    }
  });
});
