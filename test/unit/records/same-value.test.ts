import { describe, expect, it } from 'vitest';
import { compareInstants } from '../../../src/records/exact-instant.ts';
import { sameFieldValue } from '../../../src/records/same-value.ts';
import type { CompiledField } from '../../../src/schema/compile.ts';

const field = (type: string, columnType = ''): CompiledField =>
  ({ name: 'f', type, columnType }) as CompiledField;

describe('two spellings of one value', () => {
  const same: [type: string, a: unknown, b: unknown, columnType?: string][] = [
    ['decimal', '1.50', 1.5],
    ['decimal', 1e21, '1000000000000000000000.00'],
    ['decimal', '-0', '0.000'],
    ['integer', '9007199254740993', '9007199254740993'],
    ['integer', 5, '5'],
    ['datetime', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00.000+01:00'],
    ['datetime', '2026-01-01T00:00:00.123456Z', '2026-01-01T00:00:00.123456+00:00'],
    ['uuid', 'ABCDEF00-0000-7000-8000-000000000000', 'abcdef00-0000-7000-8000-000000000000'],
    ['ref', 'ABCDEF00-0000-7000-8000-000000000000', 'abcdef00-0000-7000-8000-000000000000', 'uuid'],
    ['geopoint', { lat: 1, lon: 2 }, { lon: 2, lat: 1 }],
    ['json', { a: 1, b: [1] }, { b: [1], a: 1 }],
    ['integer[]', [1, '2'], ['1', 2]],
    ['string', null, undefined],
  ];
  it.each(same)('%s: %j is %j', (type, a, b, columnType) => {
    expect(sameFieldValue(field(type, columnType), a, b)).toBe(true);
  });

  const different: [type: string, a: unknown, b: unknown][] = [
    ['decimal', '1.50', '1.51'],
    ['integer', '9007199254740993', 9007199254740992],
    ['datetime', '2026-01-01T00:00:00.123456Z', '2026-01-01T00:00:00.123457Z'],
    ['ref', 'Code', 'code'],
    ['string', 'A', 'a'],
    ['string', '', null],
    ['boolean', false, null],
    ['integer[]', [1, 2], [2, 1]],
    ['integer[]', 'x', [1]],
    ['decimal', 'x', '1'],
    ['decimal', { a: 1 }, '1'],
    ['datetime', 'x', 'y'],
  ];
  it.each(different)('%s: %j is not %j', (type, a, b) => {
    expect(sameFieldValue(field(type), a, b)).toBe(false);
  });
});

describe('instants', () => {
  it('are compared below the millisecond, across zones and with either separator', () => {
    expect(compareInstants('2026-01-01T00:00:00.0000001Z', '2026-01-01T00:00:00Z')).toBeGreaterThan(
      0,
    );
    expect(compareInstants('2026-01-01T00:00:00.9Z', '2026-01-01T00:00:01Z')).toBeLessThan(0);
    expect(compareInstants('2026-01-01 00:00:00-01:00', '2026-01-01T01:00:00Z')).toBe(0);
    expect(compareInstants('yesterday', '2026-01-01T01:00:00Z')).toBeNaN();
  });
});
