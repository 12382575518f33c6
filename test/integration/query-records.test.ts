import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileGet, planGet } from '../../src/query/compile-get.ts';
import type { Condition } from '../../src/query/condition.ts';
import { noMasks } from '../../src/query/mask.ts';
import { projectRecord } from '../../src/query/projection.ts';
import type { ReadAccess } from '../../src/query/read-access.ts';
import { parseListParams, parseQueryBody } from '../../src/query/record-query.ts';
import type { CompiledSchema } from '../../src/schema/compile.ts';
import { accessAll, everyType, maker, openSchemas, thing } from '../unit/query/schema-fixture.ts';
import type { QueryDatabase } from './query/query-database.ts';
import { idsOf, openQueryDatabase } from './query/query-database.ts';
import { insertRows, tableName } from './query/thing-table.ts';

let database: QueryDatabase;

beforeAll(async () => {
  database = await openQueryDatabase();
});

afterAll(() => database?.close());

const id = (digit: number): string => `00000000-0000-7000-8000-${String(digit).padStart(12, '0')}`;

describe('a record', () => {
  it('keeps every value exact, in a stable order, without deletion columns', async () => {
    await database.refill([
      {
        id: id(1),
        code: 'line\nfeed, "quote"',
        quantity: '9007199254740993',
        ratio: 0.1,
        amount: '9999999999999999.9999',
        approved: false,
        due: '2024-02-29',
        seen_at: '2026-11-21T01:40:27.123456Z',
        attributes: { deep: [1, { a: null }] },
        position: { lat: 52.5, lon: 13.4 },
        tags: ['a', 'b'],
        counts: ['1', '9007199254740993'],
        rank: '3',
        ...{ r: 'r', t: 't', p: 'p', data: 'd', key_0: 'k' },
      },
    ]);
    const { records } = await database.list(parseListParams({}));
    expect(records).toEqual([
      {
        id: id(1),
        version: 1,
        code: 'line\nfeed, "quote"',
        title: null,
        quantity: '9007199254740993',
        ratio: 0.1,
        amount: '9999999999999999.9999',
        approved: false,
        due: '2024-02-29',
        seen_at: '2026-11-21T01:40:27.123456+00:00',
        token: null,
        attributes: { deep: [1, { a: null }] },
        status: null,
        position: { lat: 52.5, lon: 13.4 },
        tags: ['a', 'b'],
        counts: [1, '9007199254740993'],
        parent: null,
        maker: null,
        notes: null,
        rank: 3,
        ...{ r: 'r', t: 't', p: 'p', data: 'd', key_0: 'k' },
        created_at: '2026-01-01T00:00:00.000001+00:00',
        created_by: 'alice',
        updated_at: '2026-01-02T00:00:00+00:00',
        updated_by: 'bob',
      },
    ]);
    const order = ['id', 'version', ...everyType.map(({ name }) => name)];
    expect(Object.keys(records[0]!).slice(0, order.length)).toEqual(order);
  });

  it('is written by RETURNING as by a list', async () => {
    await database.refill([{ id: id(1), code: 'a', rank: '1' }]);
    const record = projectRecord(
      { schema: thing, fields: [...thing.fields.values()], masks: noMasks },
      'w',
    );
    const { rows } = await database.client.query(
      `update ${tableName(thing)} w set title = 'new' where id = $1 returning ${record}::text as data`,
      [id(1)],
    );
    const { records } = await database.list(parseListParams({}));
    expect(JSON.parse(rows[0].data)).toEqual(records[0]);
  });

  it('is got by id with what was selected, and never when deleted or filtered out', async () => {
    await database.refill([
      { id: id(1), code: 'a', rank: '1' },
      { id: id(2), code: 'b', rank: '1', deleted_at: '2026-01-03T00:00:00Z' },
    ]);
    const get = async (of: string, rowFilter?: Condition): Promise<unknown> => {
      const access = accessAll(thing, rowFilter);
      const query = parseListParams({ select: 'code,rank' });
      const { text, values } = compileGet(
        planGet({ schema: thing, access, query, ...openSchemas }),
      )(of, () => ({}));
      return (await database.client.query(text, [...values])).rows[0];
    };
    expect(await get(id(1))).toEqual({ version: '1', data: '{"code":"a","rank":1}' });
    expect(await get(id(1), { field: 'rank', op: 'eq', value: '1' })).toBeDefined();
    expect(await get(id(1), { field: 'rank', op: 'eq', value: '2' })).toBeUndefined();
    expect(await get(id(2))).toBeUndefined();
  });
});

describe('a row filter', () => {
  beforeEach(() =>
    database.refill([
      { id: id(1), code: 'a', title: 'north', rank: '1' },
      { id: id(2), code: 'b', title: 'south', rank: '2' },
      { id: id(3), code: 'c', rank: '3' },
    ]),
  );

  it('narrows lists and counts, even by a field that nobody may filter by', async () => {
    await database.client.query(`update ${tableName(thing)} set notes = title`);
    const rowFilter: Condition = { field: 'notes', op: 'eq', value: 'north' };
    const { records, total } = await database.list(parseListParams({ count: 'exact' }), {
      access: accessAll(thing, rowFilter),
    });
    expect([idsOf(records), total]).toEqual([[id(1)], 1]);
  });

  it('lets nothing through when its value does not fit, within a negation too', async () => {
    const unfit: Condition = { field: 'rank', op: 'eq', value: 'many' };
    const fits: Condition = { field: 'rank', op: 'eq', value: 1 };
    const seen = async (rowFilter: Condition): Promise<unknown[]> =>
      idsOf(
        (await database.list(parseListParams({}), { access: accessAll(thing, rowFilter) })).records,
      );
    expect(await seen(unfit)).toEqual([]);
    expect(await seen({ or: [unfit, fits] })).toEqual([id(1)]);
    expect(await seen({ not: unfit })).toEqual([]);
    expect(await seen({ not: { or: [unfit, fits] } })).toEqual([]);
    expect(await seen({ field: 'nothing', op: 'is_null' })).toEqual([]);
  });
});

describe('includes', () => {
  beforeEach(async () => {
    await database.refill([
      { id: id(1), code: 'child', parent: id(2), maker: 'ada', rank: '1' },
      { id: id(2), code: 'parent', maker: 'bob', rank: '1' },
      { id: id(3), code: 'orphan', parent: id(4), maker: 'gone', rank: '1' },
      { id: id(4), code: 'deleted', rank: '1', deleted_at: '2026-01-03T00:00:00Z' },
    ]);
    await insertRows(database.client, maker, [
      { id: id(11), name: 'ada', region: 'north', home: id(12) },
      { id: id(12), name: 'bob', region: 'south', secret: 'hidden' },
    ]);
  });

  it('show the referred-to records to depth two, and null for what is deleted', async () => {
    const { records } = await database.list(
      parseListParams({ sort: 'code', select: 'code', include: 'parent.maker,maker.home' }),
    );
    expect(records).toMatchObject([
      {
        code: 'child',
        parent: { id: id(2), maker: { name: 'bob' } },
        maker: { home: { name: 'bob' } },
      },
      { code: 'orphan', parent: null, maker: null },
      { code: 'parent', parent: null, maker: { name: 'bob', home: null } },
    ]);
  });

  it('pass the target’s own fields and rows', async () => {
    const accessTo = (schema: CompiledSchema): ReadAccess => ({
      readable: new Set(['id', 'name', 'region']),
      masks: noMasks,
      rowFilter: schema === maker ? { field: 'region', op: 'eq', value: 'north' } : undefined,
    });
    const { records } = await database.list(parseListParams({ sort: 'code', include: 'maker' }), {
      accessTo,
    });
    expect(records.map((record) => record['maker'])).toEqual([
      { id: id(11), name: 'ada', region: 'north' },
      null,
      null,
    ]);
  });

  it('keep the order of pages', async () => {
    const first = await database.list(
      parseListParams({ sort: '-code', include: 'maker', limit: '2' }),
    );
    const second = await database.list(
      parseListParams({ sort: '-code', include: 'maker', limit: '2', cursor: first.cursor! }),
    );
    expect([...idsOf(first.records), ...idsOf(second.records)]).toEqual([id(2), id(3), id(1)]);
  });
});

describe('groups', () => {
  it('gather values exactly and page by offset', async () => {
    await database.refill([
      {
        id: id(1),
        code: 'a',
        status: 'open',
        quantity: '9007199254740993',
        amount: '0.1000',
        rank: '1',
      },
      { id: id(2), code: 'b', status: 'open', quantity: '1', amount: '0.2000', rank: '4' },
      { id: id(3), code: 'c', rank: '9' },
    ]);
    const aggregate = [
      { fn: 'count' },
      { fn: 'sum', field: 'quantity', as: 'pieces' },
      { fn: 'sum', field: 'amount' },
      { fn: 'avg', field: 'rank', as: 'mean' },
      { fn: 'max', field: 'rank', as: 'key_0' },
    ];
    const groups = await database.list(
      parseQueryBody({
        groupBy: ['status'],
        aggregate,
        sort: [{ field: 'count', direction: 'desc' }],
      }),
    );
    expect(groups.records).toEqual([
      {
        status: 'open',
        count: 2,
        pieces: '9007199254740994',
        sum_amount: '0.3000',
        mean: 2.5,
        key_0: 4,
      },
      { status: null, count: 1, pieces: null, sum_amount: null, mean: 9, key_0: 9 },
    ]);
    const second = await database.list(parseQueryBody({ groupBy: ['rank'], limit: 1, offset: 1 }));
    expect(second.records).toEqual([{ rank: 4 }]);
    const whole = await database.list(parseQueryBody({ aggregate: [{ fn: 'count', as: 'n' }] }));
    expect(whole.records).toEqual([{ n: 3 }]);
  });
});
