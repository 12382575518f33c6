import { describe, expect, it } from 'vitest';
import { conditionOf, parseFilter, queryParamOf } from '../../../src/cli/filters.ts';

describe('filters', () => {
  it.each([
    ['status=open', 'filter[status]', 'open'],
    ['note=a=b', 'filter[note]', 'a=b'],
    ['count>=10', 'filter[count][gte]', '10'],
    ['count < 10', 'filter[count][lt]', '10'],
    ['status!=open', 'filter[status][neq]', 'open'],
    ['name~air', 'filter[name][contains]', 'air'],
    ['name^=San', 'filter[name][starts_with]', 'San'],
    ['state[in]=TX,CA', 'filter[state][in]', 'TX,CA'],
    ['closed_at[is_null]', 'filter[closed_at][is_null]', 'true'],
  ])('%s becomes %s', (text, name, value) => {
    expect(queryParamOf(parseFilter(text))).toEqual([name, value]);
  });

  it.each([
    ['count>=10', { field: 'count', op: 'gte', value: '10' }],
    ['tags[overlaps]=a, b', { field: 'tags', op: 'overlaps', value: ['a', 'b'] }],
    ['count[is_null]', { field: 'count', op: 'is_null', value: true }],
    [
      'at[within_km]=30,-97,50',
      { field: 'at', op: 'within_km', value: { lat: 30, lon: -97, km: 50 } },
    ],
  ])('%s fits a query body', (text, condition) => {
    expect(conditionOf(parseFilter(text))).toEqual(condition);
  });

  it('refuses what is no filter with an example', () => {
    expect(() => parseFilter('status')).toThrow('"status" is not a filter');
    expect(() => parseFilter('=open')).toThrow('is not a filter');
  });
});
