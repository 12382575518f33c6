import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from '../../../src/query/cursor.ts';
import { refusalOf } from './refusal.ts';

const arbitraryKeys = fc.array(fc.option(fc.string({ unit: 'binary' })), {
  minLength: 1,
  maxLength: 4,
});
const seal = { secret: 'secret', binding: 'acme/shop/stock/thing/v1' };

describe('a cursor', () => {
  it('gives back the keys it was made of, and is safe in a URL', () => {
    fc.assert(
      fc.property(arbitraryKeys, fc.string(), (keys, binding) => {
        const token = writeCursor({ ...seal, binding }, keys);
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(readCursor({ ...seal, binding }, token)).toEqual(keys);
      }),
    );
  });

  it('is refused when any character is changed, cut off or added', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ';
    fc.assert(
      fc.property(arbitraryKeys, fc.nat(), fc.constantFrom(...alphabet), (keys, place, other) => {
        const token = writeCursor(seal, keys);
        const at = place % token.length;
        const changed = [
          token.slice(0, at) + other + token.slice(at + 1),
          token.slice(0, at),
          token.slice(0, at) + other + token.slice(at),
          `${token}=`,
        ];
        for (const tampered of changed) {
          if (tampered === token) continue;
          expect(refusalOf(() => readCursor(seal, tampered)).code).toBe('CURSOR_INVALID');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('holds for no other list and no other secret', () => {
    const token = writeCursor(seal, ['1']);
    for (const other of [
      { ...seal, secret: 'other' },
      { ...seal, binding: 'acme/shop/stock/thing/v2' },
    ]) {
      expect(refusalOf(() => readCursor(other, token)).code).toBe('CURSOR_INVALID');
    }
  });
});
