import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VelocityError } from '../../../src/errors.ts';
import { parseListParams, parseQueryBody } from '../../../src/query/record-query.ts';
import { problemsOf, refusalOf } from './refusal.ts';

describe('list parameters', () => {
  it('become conditions, sort keys, names and bounds', () => {
    const query = parseListParams({
      'filter[status]': 'open',
      'filter[rank][gte]': '3',
      'filter[tag][in]': 'a,b',
      'filter[city][in]': ['x,y', 'z'],
      'filter[due][between]': '2026-01-01,2026-02-01',
      'filter[position][within_km]': '52.5, 13.4, 10',
      'filter[parent][is_null]': '',
      sort: '-rank,code',
      select: 'code,rank',
      include: 'parent.maker',
      limit: '5',
      offset: '0',
      count: 'exact',
    });
    expect(query).toMatchObject({
      where: {
        and: [
          { field: 'status', op: 'eq', value: 'open', pointer: '/filter/status/eq' },
          { field: 'rank', op: 'gte', value: '3' },
          { field: 'tag', op: 'in', value: ['a', 'b'] },
          { field: 'city', op: 'in', value: ['x,y', 'z'] },
          { field: 'due', op: 'between', value: ['2026-01-01', '2026-02-01'] },
          { field: 'position', op: 'within_km', value: { lat: '52.5', lon: '13.4', km: '10' } },
          { field: 'parent', op: 'is_null' },
        ],
      },
      sort: [
        { field: 'rank', direction: 'desc' },
        { field: 'code', direction: 'asc' },
      ],
      select: [{ name: 'code' }, { name: 'rank' }],
      include: [{ name: 'parent.maker', pointer: '/include/0' }],
      limit: 5,
      offset: 0,
      count: 'exact',
    });
  });

  it('have defaults', () => {
    expect(parseListParams({})).toEqual({ sort: [], limit: 100, include: [], count: 'none' });
  });

  it.each([
    ['0', 'an empty page'],
    ['1001', 'more than the most'],
    ['1000000000', 'far more than the most'],
    ['-1', 'less than nothing'],
    ['1.5', 'half a record'],
    ['1e3', 'an exponent'],
    ['', 'nothing'],
  ])('refuse limit=%s (%s) instead of clipping it', (limit) => {
    expect(problemsOf(() => parseListParams({ limit }))).toMatchObject([
      { pointer: '/limit', rule: 'range' },
    ]);
  });

  it('tell every problem at once', () => {
    const problems = problemsOf(() =>
      parseListParams({
        'filter[a][equals]': '1',
        'filter[b]': ['1', '2'],
        filter: 'x',
        colour: 'red',
        limit: '0',
        offset: '10001',
        count: 'some',
        sort: 'a,-a',
        include: '',
      }),
    );
    expect(problems.map(({ pointer }) => pointer).sort()).toEqual([
      '/colour',
      '/count',
      '/filter',
      '/filter/a/equals',
      '/filter/b/eq',
      '/include/0',
      '/limit',
      '/offset',
      '/sort/1/field',
    ]);
  });

  it('take a cursor or an offset, not both', () => {
    expect(problemsOf(() => parseListParams({ cursor: 'x', offset: '1' }))).toMatchObject([
      { pointer: '/offset', rule: 'exclusive' },
    ]);
  });

  it('refuse asOf with the reason', () => {
    const refusal = refusalOf(() => parseListParams({ asOf: '2026-01-01T00:00:00Z' }));
    expect(refusal).toMatchObject({
      code: 'BAD_REQUEST',
      hint: expect.stringContaining('time machine'),
    });
  });
});

describe('a query body', () => {
  it('nests and, or and not, each condition with its pointer', () => {
    const where = {
      and: [{ field: 'a', op: 'eq', value: 1 }, { or: [{ not: { field: 'b', op: 'is_null' } }] }],
    };
    expect(parseQueryBody({ where }).where).toEqual({
      and: [
        { field: 'a', op: 'eq', value: 1, pointer: '/where/and/0' },
        { or: [{ not: { field: 'b', op: 'is_null', pointer: '/where/and/1/or/0/not' } }] },
      ],
    });
  });

  const leaf = { field: 'a', op: 'eq', value: 1 };
  const nested = (levels: number): unknown =>
    Array.from({ length: levels }).reduce((inner: unknown) => ({ and: [inner] }), leaf);

  it('nests to ten levels and no deeper', () => {
    expect(() => parseQueryBody({ where: nested(10) })).not.toThrow();
    expect(problemsOf(() => parseQueryBody({ where: nested(11) }))).toMatchObject([
      { rule: 'depth' },
    ]);
    expect(problemsOf(() => parseQueryBody({ where: nested(5_000) }))).toMatchObject([
      { rule: 'depth' },
    ]);
  });

  it('holds a hundred conditions and no more', () => {
    const many = (count: number): unknown => ({ or: Array.from({ length: count }, () => leaf) });
    expect(() => parseQueryBody({ where: many(100) })).not.toThrow();
    expect(problemsOf(() => parseQueryBody({ where: many(101) }))).toMatchObject([
      { rule: 'maxItems' },
    ]);
    const spread = { and: [many(60), many(60)] };
    expect(problemsOf(() => parseQueryBody({ where: spread }))).toMatchObject([
      { rule: 'maxItems' },
    ]);
    const empty = { and: Array.from({ length: 150 }, () => ({ or: [] })) };
    expect(problemsOf(() => parseQueryBody({ where: empty }))).toMatchObject([
      { rule: 'maxItems' },
    ]);
  });

  it('names every unknown member, where it is', () => {
    const problems = problemsOf(() =>
      parseQueryBody({
        filter: {},
        where: { and: [{ ...leaf, case: 'none' }], xor: [] },
        sort: [{ field: 'a', order: 'desc' }],
        aggregate: [{ fn: 'count', over: 'x' }],
      }),
    );
    expect(problems.map(({ pointer }) => pointer).sort()).toEqual([
      '/aggregate/0/over',
      '/filter',
      '/sort/0/order',
      '/where/and/0/case',
      '/where/xor',
    ]);
  });

  it('must be an object', () => {
    for (const body of [null, [], 'x', 1, undefined]) {
      expect(refusalOf(() => parseQueryBody(body)).code).toBe('BAD_REQUEST');
    }
  });

  it('escapes names in pointers', () => {
    expect(problemsOf(() => parseQueryBody({ 'a/b~c': 1 }))[0]?.pointer).toBe('/a~1b~0c');
  });
});

describe('whatever arrives', () => {
  const member = fc.constantFrom(
    ...['where', 'select', 'sort', 'limit', 'cursor', 'offset', 'include', 'count', 'groupBy'],
    ...[
      'aggregate',
      'and',
      'or',
      'not',
      'field',
      'op',
      'value',
      'filter[a][in]',
      'filter[',
      '__proto__',
    ],
  );
  const { body } = fc.letrec<{ body: unknown }>((tie) => ({
    body: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 2 }),
      fc.array(tie('body'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(member, fc.string()), tie('body'), { maxKeys: 6 }),
    ),
  }));

  const onlyOurs = (parse: () => unknown): void => {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof VelocityError)) throw error;
      expect(error.status).toBe(400);
    }
  };

  it('parses a body or refuses it with an error of ours', () => {
    fc.assert(
      fc.property(body, (value) => onlyOurs(() => parseQueryBody(value))),
      { numRuns: 2_000 },
    );
  });

  it('parses parameters or refuses them with an error of ours', () => {
    const value = fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 2, maxLength: 3 }));
    const params = fc.dictionary(fc.oneof(member, fc.string()), value, { maxKeys: 6 });
    fc.assert(
      fc.property(params, (given) => onlyOurs(() => parseListParams(given))),
      { numRuns: 2_000 },
    );
  });
});
