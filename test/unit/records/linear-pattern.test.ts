import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { linearPattern } from '../../../src/records/linear-pattern.ts';
import { ownPatterns } from '../../../src/schema/json-schema.ts';

const atom = fc.constantFrom('S', 'x', '7', '-', '_', '\\d', '\\.', '[0-9]', '[A-Z]', '[a-z0-9_-]');
const count = fc.constantFrom('', '', '{2}', '{10}', '?', '*', '+');
const chain = fc
  .array(fc.tuple(atom, count), { minLength: 1, maxLength: 5 })
  .map((steps) => `^${steps.map((step) => step.join('')).join('')}$`);
const text = fc.string({ unit: fc.constantFrom(...'SxAZaz079-_. \n'), maxLength: 14 });

describe('linearPattern', () => {
  it('matches what RE2 matches, whichever engine runs it', () => {
    fc.assert(
      fc.property(chain, text, (pattern, candidate) => {
        const wanted = RE2JS.compile(pattern).matcher(candidate).find();
        expect(linearPattern(pattern).test(candidate)).toBe(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  it('runs our own patterns as RE2 does', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ownPatterns), text, (pattern, candidate) => {
        const wanted = RE2JS.compile(pattern).matcher(candidate).find();
        expect(linearPattern(pattern).test(candidate)).toBe(wanted);
      }),
    );
  });

  it.each(['^(a+)+$', '^(a|a)*$', '^a*a*a*a*a*a*a*a*b$', '(x+x+)+y', '^[a-z]*[a-z]*[a-z]*!$'])(
    'never backtracks: %s',
    (pattern) => {
      const compiled = linearPattern(pattern);
      const startedAt = performance.now();
      compiled.test(`${'a'.repeat(50_000)}!`);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    },
  );
});
