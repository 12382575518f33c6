import { describe, expect, it } from 'vitest';
import { compileRecordQuery } from '../../../src/query/compile-record-query.ts';
import type { RecordPlan } from '../../../src/query/plan-record-query.ts';
import { planRecordQuery } from '../../../src/query/plan-record-query.ts';
import type { ReadAccess } from '../../../src/query/read-access.ts';
import { parseListParams, parseQueryBody } from '../../../src/query/record-query.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import {
  accessAll,
  accessMasking,
  accessWithout,
  cursorSecret,
  everyType,
  maker,
  openSchemas,
  schemaOf,
  thing,
} from './schema-fixture.ts';

const plan = (body: unknown, access: ReadAccess = accessAll(thing)): RecordPlan =>
  planRecordQuery({
    schema: thing,
    query: parseQueryBody(body),
    access,
    cursorSecret,
    ...openSchemas,
  });
const where = (field: string, op: string, value?: unknown): unknown => ({
  where: { field, op, value },
});

describe('fields', () => {
  it('are unknown in the same words when hidden and when missing, wherever they are named', () => {
    const uses = (name: string): unknown[] => [
      where(name, 'eq', 'x'),
      { where: { and: [{ not: { field: name, op: 'is_null' } }] } },
      { sort: [{ field: name }] },
      { select: [name] },
      { include: [name] },
      { groupBy: [name] },
      { aggregate: [{ fn: 'count', field: name, as: 'n' }] },
    ];
    const hidden = accessWithout(thing, 'title');
    uses('title').forEach((use, index) => {
      const seen = refusalOf(() => plan(use, hidden));
      const missing = refusalOf(() => plan(uses('title_')[index], hidden));
      expect(seen.code).toBe('UNKNOWN_FIELD');
      expect(
        JSON.stringify([missing.message, missing.hint, missing.details]).replaceAll(
          'title_',
          'title',
        ),
      ).toBe(JSON.stringify([seen.message, seen.hint, seen.details]));
      expect(seen.details?.['known']).not.toContain('title');
    });
  });

  it('that are masked answer no question about their values, and nothing suggests them', () => {
    const masked = accessMasking(thing, 'rank');
    for (const use of [
      where('rank', 'eq', 1),
      { where: { or: [{ not: { field: 'rank', op: 'between', value: [1, 2] } }] } },
      { groupBy: ['rank'], aggregate: [{ fn: 'count', as: 'n' }] },
      ...['min', 'max', 'sum', 'avg', 'count'].map((fn) => ({
        aggregate: [{ fn, field: 'rank', as: 'n' }],
      })),
    ]) {
      const refused = refusalOf(() => plan(use, masked));
      expect(refused).toMatchObject({ code: 'FIELD_NOT_FILTERABLE', details: { field: 'rank' } });
      expect(refused.details?.['filterable']).not.toContain('rank');
    }
    const unsorted = refusalOf(() => plan({ sort: [{ field: 'rank' }] }, masked));
    expect(unsorted).toMatchObject({ code: 'FIELD_NOT_SORTABLE', details: { field: 'rank' } });
    expect(unsorted.details?.['sortable']).not.toContain('rank');
    expect(() => plan({ select: ['rank'] }, masked)).not.toThrow();
  });

  it('of deletion and archival are unknown to everyone', () => {
    for (const name of ['deleted_at', 'archived_at', 'archive_ref']) {
      expect(refusalOf(() => plan(where(name, 'is_null'))).code).toBe('UNKNOWN_FIELD');
      expect(refusalOf(() => plan({ select: [name] })).code).toBe('UNKNOWN_FIELD');
    }
  });

  it('that cannot be filtered or sorted by are refused with those that can', () => {
    const filter = refusalOf(() =>
      plan({ where: { and: [{ field: 'notes', op: 'eq', value: 'x' }] } }),
    );
    expect(filter).toMatchObject({
      code: 'FIELD_NOT_FILTERABLE',
      message: 'thing v1 cannot be filtered by "notes".',
      details: { field: 'notes', pointer: '/where/and/0/field' },
    });
    expect(filter.details?.['filterable']).toContain('status');
    expect(filter.details?.['filterable']).not.toContain('notes');
    const sort = refusalOf(() =>
      plan({ sort: [{ field: 'notes' }] }, accessWithout(thing, 'rank')),
    );
    expect(sort).toMatchObject({
      code: 'FIELD_NOT_SORTABLE',
      details: { pointer: '/sort/0/field' },
    });
    expect(sort.details?.['sortable']).not.toContain('rank');
  });

  it('of a list are all told at once', () => {
    const problems = problemsOf(() =>
      plan({
        where: {
          and: [
            { field: 'nope', op: 'eq', value: 1 },
            { field: 'rank', op: 'eq', value: 'x' },
          ],
        },
        sort: [{ field: 'notes' }],
        select: ['none'],
      }),
    ) as { code?: string; pointer: string }[];
    expect(problems.map(({ code, pointer }) => [code, pointer])).toEqual([
      ['UNKNOWN_FIELD', '/where/and/0/field'],
      ['VALIDATION_ERROR', '/where/and/1/value'],
      ['FIELD_NOT_SORTABLE', '/sort/0/field'],
      ['UNKNOWN_FIELD', '/select/0'],
    ]);
  });
});

describe('values', () => {
  it.each([
    ['quantity', 'eq', 'x'],
    ['quantity', 'eq', 1.5],
    ['quantity', 'eq', 2 ** 53],
    ['quantity', 'eq', '9223372036854775808'],
    ['quantity', 'eq', null],
    ['quantity', 'in', 5],
    ['quantity', 'between', [1]],
    ['ratio', 'eq', 'NaN'],
    ['ratio', 'eq', '1e999'],
    ['amount', 'eq', '1,5'],
    ['amount', 'eq', 'Infinity'],
    ['approved', 'eq', 'yes'],
    ['due', 'eq', '2023-02-29'],
    ['due', 'eq', '2024-1-1'],
    ['seen_at', 'eq', '2024-01-01T00:00:00'],
    ['seen_at', 'eq', '2024-01-01T24:00:00Z'],
    ['seen_at', 'eq', 'now'],
    ['token', 'eq', 'x'],
    ['id', 'eq', "1' or '1'='1"],
    ['status', 'eq', 'shut'],
    ['title', 'eq', 5],
    ['title', 'eq', 'nul\0'],
    ['title', 'eq', '\ud800'],
    ['title', 'like', 'ends with \\'],
    ['title', 'in', Array.from({ length: 1_001 }, String)],
    ['attributes', 'contains', { a: '\0' }],
    ['position', 'within_km', { lat: 91, lon: 0, km: 1 }],
    ['position', 'within_km', { lat: 1, lon: 0, km: -1 }],
    ['tags', 'overlaps', 'a'],
    ['counts', 'contains', 'x'],
    ['parent', 'eq', 'not-a-uuid'],
    ['code', 'is_null', 'maybe'],
  ])('of %s %s %j are refused at their place', (field, op, value) => {
    expect(problemsOf(() => plan(where(field, op, value)))).toMatchObject([
      { pointer: '/where/value' },
    ]);
  });

  it.each([
    ['quantity', '9223372036854775807'],
    ['amount', '99999999999999999999.00001'],
    ['seen_at', '2026-11-21T01:40:27.123456+05:30'],
    ['maker', 'a key of text'],
  ])('of %s arrive without loss', (field, value) => {
    expect(compileRecordQuery(plan(where(field, 'eq', value))).list.values).toEqual([value]);
  });

  it.each([
    ['approved', 'lt'],
    ['status', 'contains'],
    ['position', 'eq'],
    ['tags', 'gt'],
    ['attributes', 'like'],
    ['quantity', 'starts_with'],
    ['title', 'within_km'],
  ])('have no operator that their type lacks: %s %s', (field, op) => {
    expect(problemsOf(() => plan(where(field, op, 'x')))).toMatchObject([{ pointer: '/where/op' }]);
  });
});

describe('includes', () => {
  const include = (...paths: string[]): unknown => ({ include: paths });
  const withAccess = (
    body: unknown,
    accessTo: typeof openSchemas.accessTo | (() => undefined),
  ): RecordPlan =>
    planRecordQuery({
      ...{ schema: thing, query: parseQueryBody(body), access: accessAll(thing), cursorSecret },
      ...openSchemas,
      accessTo,
    });

  it('go two references deep and no further', () => {
    expect(() => plan(include('parent.maker'))).not.toThrow();
    expect(problemsOf(() => plan(include('parent.parent.maker')))).toMatchObject([
      { rule: 'depth' },
    ]);
  });

  it('want a reference, known and readable, on every step', () => {
    expect(problemsOf(() => plan(include('title')))).toMatchObject([{ rule: 'reference' }]);
    expect(problemsOf(() => plan(include('maker'), accessMasking(thing, 'maker')))).toMatchObject([
      { rule: 'masked' },
    ]);
    expect(refusalOf(() => plan(include('maker.nothing'))).code).toBe('UNKNOWN_FIELD');
    expect(refusalOf(() => plan(include('maker'), accessWithout(thing, 'maker'))).code).toBe(
      'UNKNOWN_FIELD',
    );
    const hidden = (): ReadAccess => ({ ...accessAll(maker), readable: new Set(['id', 'name']) });
    expect(refusalOf(() => withAccess(include('maker.home'), hidden)).code).toBe('UNKNOWN_FIELD');
  });

  it('want read access to each schema, and tell nothing of one that is missing', () => {
    const denied = refusalOf(() => withAccess(include('maker'), () => undefined));
    expect(denied.code).toBe('CROSS_SCHEMA_ACCESS_DENIED');
    const missing = refusalOf(() =>
      planRecordQuery({
        ...{
          schema: thing,
          query: parseQueryBody(include('maker')),
          access: accessAll(thing),
          cursorSecret,
        },
        ...openSchemas,
        findSchema: () => undefined,
      }),
    );
    expect([missing.message, missing.details]).toEqual([denied.message, denied.details]);
  });
});

describe('cost', () => {
  it('lets a hundred plain conditions pass, and refuses a hundred long lists', () => {
    const many = (condition: unknown): unknown => ({ where: { or: Array(100).fill(condition) } });
    expect(() => plan(many({ field: 'title', op: 'contains', value: 'x' }))).not.toThrow();
    const long = { field: 'title', op: 'in', value: Array.from({ length: 1_000 }, String) };
    expect(refusalOf(() => plan(many(long))).code).toBe('QUERY_TOO_COSTLY');
  });

  it('is bounded by the schema where it says so', () => {
    const strict = schemaOf('strict', everyType, { lifecycle: { maxQueryCost: 3 } } as never);
    const ask = (limit: string): unknown =>
      planRecordQuery({
        ...{
          schema: strict,
          query: parseListParams({ limit }),
          access: accessAll(strict),
          cursorSecret,
        },
        ...openSchemas,
      });
    expect(() => ask('100')).not.toThrow();
    expect(refusalOf(() => ask('1000'))).toMatchObject({ details: { maxQueryCost: 3 } });
  });
});

describe('cursors', () => {
  const first = {
    where: { field: 'rank', op: 'gt', value: 1 },
    sort: [{ field: 'rank' }],
    limit: 1,
  };
  const rows = [{ data: '{"a":1},\n{"a":2}', found: 2, key_0: '5', key_1: 'x' }];
  const cursor = (body: unknown): string => compileRecordQuery(plan(body)).decodePage(rows).cursor!;

  it('go on with another limit, selection or count, and the same value in other words', () => {
    const token = cursor(first);
    const others = [
      { ...first, cursor: token, limit: 50, select: ['code'], count: 'exact', include: ['maker'] },
      { ...first, cursor: token, where: { field: 'rank', op: 'gt', value: '1' } },
    ];
    for (const body of others) expect(plan(body).after).toEqual(['5', 'x']);
  });

  it('are refused with another filter, sort or schema', () => {
    const token = cursor(first);
    const others = [
      { ...first, cursor: token, where: { field: 'rank', op: 'gt', value: 2 } },
      { ...first, cursor: token, where: { field: 'rank', op: 'gte', value: 1 } },
      { ...first, cursor: token, where: undefined },
      { ...first, cursor: token, sort: [{ field: 'rank', direction: 'desc' }] },
      { ...first, cursor: token, sort: [] },
      { ...first, cursor: `${token}A` },
    ];
    for (const body of others) expect(refusalOf(() => plan(body)).code).toBe('CURSOR_INVALID');
    const other = schemaOf('other', everyType);
    const elsewhere = refusalOf(() =>
      planRecordQuery({
        ...{
          schema: other,
          query: parseQueryBody({ ...first, cursor: token }),
          access: accessAll(other),
        },
        ...{ cursorSecret, ...openSchemas },
      }),
    );
    expect(elsewhere.code).toBe('CURSOR_INVALID');
  });
});
