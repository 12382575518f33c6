import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseListParams } from '../../src/query/record-query.ts';
import { quoteIdentifier } from '../../src/schema/identifier.ts';
import { plannedIndexes } from '../../src/schema/record-table.ts';
import { maker, referenceTo, schemaOf, thing } from '../unit/query/schema-fixture.ts';
import { arbitraryCondition, arbitraryRows, arbitrarySort } from './query/arbitrary-query.ts';
import type { QueryDatabase } from './query/query-database.ts';
import { idsOf, openQueryDatabase } from './query/query-database.ts';
import { matches, sorted } from './query/reference.ts';
import { createTable, tableName } from './query/thing-table.ts';

let database: QueryDatabase;

beforeAll(async () => {
  database = await openQueryDatabase();
});

afterAll(() => database?.close());

describe('lists', () => {
  it('answer what the reference evaluator answers, whatever is asked', async () => {
    const rows = fc.sample(arbitraryRows, { numRuns: 1, seed: 7 })[0]!;
    await database.refill(rows);
    await fc.assert(
      fc.asyncProperty(arbitraryCondition, arbitrarySort, async (where, sort) => {
        const { records, total } = await database.list({
          ...{ where, sort, limit: 1_000, include: [] },
          count: 'exact',
        });
        const expected = sorted(rows, sort).filter((row) => matches(where, row));
        expect(idsOf(records)).toEqual(idsOf(expected));
        expect(total).toBe(expected.length);
      }),
      { numRuns: 500 },
    );
  });

  it('give each record once and in order when walked by cursor', async () => {
    const rows = fc.sample(arbitraryRows, { numRuns: 1, seed: 11 })[0]!;
    await database.refill(rows);
    await fc.assert(
      fc.asyncProperty(
        arbitrarySort,
        fc.integer({ min: 1, max: 40 }),
        fc.option(arbitraryCondition, { nil: undefined }),
        async (sort, limit, where) => {
          const query = {
            sort,
            limit,
            include: [],
            count: 'none' as const,
            ...(where && { where }),
          };
          const expected = sorted(rows, sort).filter(
            (row) => where === undefined || matches(where, row),
          );
          const walked: unknown[] = [];
          let cursor: string | undefined;
          do {
            const page = await database.list({ ...query, ...(cursor && { cursor }) });
            expect(page.records.length).toBeLessThanOrEqual(limit);
            // No cursor leads to an empty page.
            expect(page.records.length > 0 || cursor === undefined).toBe(true);
            walked.push(...idsOf(page.records));
            cursor = page.cursor;
          } while (cursor !== undefined && walked.length <= rows.length);
          expect(walked).toEqual(idsOf(expected));
        },
      ),
      { numRuns: 120 },
    );
  });

  it('skip by offset, and count exactly', async () => {
    const rows = fc.sample(arbitraryRows, { numRuns: 1, seed: 3 })[0]!;
    await database.refill(rows);
    await database.client.query(`analyze ${tableName(thing)}`);
    const page = await database.list(
      parseListParams({ sort: 'code', offset: '2', limit: '2', count: 'exact' }),
    );
    expect(idsOf(page.records)).toEqual(
      idsOf(sorted(rows, [{ field: 'code', direction: 'asc', pointer: '' }]).slice(2, 4)),
    );
    expect(page.total).toBe(rows.length);
  });
});

describe('the plan', () => {
  it('reads a page from the composite index, by cursor too, without a sort', async () => {
    const big = schemaOf('big', [
      { name: 'status', type: 'string', required: true, filterable: true },
      { name: 'rank', type: 'integer', required: true, sortable: true },
      { name: 'maker', type: 'ref', filterable: true, ref: referenceTo('maker', 'name') },
    ]);
    await createTable(database.client, big);
    await database.client.query(
      `insert into ${tableName(big)} (id, status, rank, maker)
       select gen_random_uuid(), 's' || n % 20, n % 977, 'm' || n % 50 from generate_series(1, 20000) n`,
    );
    await database.client.query(`create index on ${tableName(big)} (status, rank, id)`);
    await database.client.query(`create unique index on ${tableName(maker)} (name)`);
    await database.client.query(`analyze ${tableName(big)}, ${tableName(maker)}`);
    const params = { 'filter[status]': 's3', limit: '50' };
    for (const sort of ['rank', '-rank']) {
      for (const include of [undefined, 'maker']) {
        const query = { ...params, sort, include };
        const { cursor } = await database.list(parseListParams(query), { schema: big });
        const explained = await database.explain(parseListParams({ ...query, cursor }), {
          schema: big,
        });
        expect(explained).toMatch(
          /Index Cond: \(\(status = 's3'::text\) AND \(ROW\(rank, id\) [<>] ROW/,
        );
        if (include === undefined) expect(explained).not.toContain('Sort');
      }
    }
  });

  it('needs no sort where a declared index ends in either direction', async () => {
    const ledger = schemaOf('ledger', [
      { name: 'account', type: 'string', required: true, filterable: true },
      { name: 'amount', type: 'integer', required: true, sortable: true },
    ]);
    await createTable(database.client, ledger);
    await database.client.query(
      `insert into ${tableName(ledger)} (id, account, amount)
       select gen_random_uuid(), 'a' || n % 20, n % 7 from generate_series(1, 20000) n`,
    );
    for (const direction of ['asc', 'desc'] as const) {
      const fields = [{ name: 'account' }, { name: 'amount', direction }] as const;
      const spec = { ...ledger.spec, indexes: [{ fields: [...fields] }] };
      const declared = plannedIndexes(ledger.pgTable, spec, ({ type }) =>
        type === 'integer' ? 'bigint' : 'text',
      ).at(-1)!;
      const name = quoteIdentifier(declared.name);
      await database.client.query(
        `create index ${name} on ${tableName(ledger)} ${declared.definition}`,
      );
      await database.client.query(`analyze ${tableName(ledger)}`);
      for (const sort of ['amount', '-amount']) {
        const query = { 'filter[account]': 'a3', limit: '50', sort };
        const { cursor } = await database.list(parseListParams(query), { schema: ledger });
        for (const page of [query, { ...query, cursor }]) {
          const explained = await database.explain(parseListParams(page), { schema: ledger });
          expect(explained).toContain(`using ${declared.name}`);
          expect(explained, `index ${direction}, list ${sort}`).not.toContain('Sort');
        }
      }
      await database.client.query(`drop index ${quoteIdentifier(ledger.pgNamespace)}.${name}`);
    }
  });

  it('of a field that may be null is a range of its index on both sides of the nulls', async () => {
    const sparse = schemaOf('sparse', [{ name: 'title', type: 'string', sortable: true }]);
    await createTable(database.client, sparse);
    await database.client.query(
      `insert into ${tableName(sparse)} (id, title)
       select gen_random_uuid(), case when n % 2 = 0 then 't' || n end from generate_series(1, 20000) n`,
    );
    await database.client.query(`create index on ${tableName(sparse)} (title, id)`);
    await database.client.query(`analyze ${tableName(sparse)}`);
    const explained = async (sort: string): Promise<string> => {
      const { cursor } = await database.list(parseListParams({ sort, limit: '50' }), {
        schema: sparse,
      });
      return database.explain(parseListParams({ sort, limit: '50', cursor }), { schema: sparse });
    };
    const upwards = await explained('title');
    expect(upwards).toContain('Index Cond: (ROW(title, id) > ROW(');
    expect(upwards).toContain('Index Cond: (title IS NULL)');
    const downwards = await explained('-title');
    expect(downwards).toContain('Index Cond: ((title IS NULL) AND (id < ');
    expect(downwards).toContain('Index Cond: (title IS NOT NULL)');
  });
});
