import { describe, expect, it } from 'vitest';
import type { ValueType } from '../../../src/cli/schema-fields.ts';
import { typedValue } from '../../../src/cli/typed-value.ts';

describe('typed value', () => {
  it.each<[ValueType, string, unknown]>([
    ['text', '0042', '0042'],
    ['text', '', null],
    ['integer', '42', 42],
    ['integer', ' -7 ', -7],
    ['integer', '9007199254740993', '9007199254740993'],
    ['integer', '4.5', '4.5'],
    ['number', '1e3', 1000],
    ['number', 'NaN', 'NaN'],
    ['number', ' ', ' '],
    ['boolean', 'Yes', true],
    ['boolean', '0', false],
    ['boolean', 'maybe', 'maybe'],
    ['json', '{"a":[1]}', { a: [1] }],
    ['json', 'not json', 'not json'],
    ['geopoint', '30.19,-97.67', { lat: 30.19, lon: -97.67 }],
    ['geopoint', '30.19; -97.67', { lat: 30.19, lon: -97.67 }],
    ['geopoint', '{"lat":1,"lon":2}', { lat: 1, lon: 2 }],
    ['geopoint', '30.19', '30.19'],
    ['geopoint', '1,2,3', '1,2,3'],
    ['texts', 'a; b', ['a', 'b']],
    ['texts', '["a;b"]', ['a;b']],
    ['integers', '1;2;x', [1, 2, 'x']],
  ])('reads %s %j as %j', (type, text, value) => {
    expect(typedValue(type, text)).toEqual(value);
  });
});
