import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/store/pool.ts';
import { openPool } from '../../../src/store/pool.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { createTestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let pool: Pool;
let other: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  const connectionString = database.superuserUrl;
  pool = openPool({ connectionString, application: 'test', size: 1 });
  other = openPool({ connectionString, application: 'other', size: 1 });
  await pool.query({ text: 'create table kept (n integer unique deferrable initially deferred)' });
});

afterAll(async () => {
  await pool?.close();
  await other?.close();
  await database?.drop();
});

const kept = async (): Promise<unknown[]> =>
  (await other.query({ text: 'select n from kept order by n' })).rows;

describe('a transaction that ends with its last statements', () => {
  it('is committed once they are answered', async () => {
    await pool.transaction(async (tx) => {
      await tx.query({ text: 'insert into kept values (1)' });
      expect(await kept()).toEqual([]);
      await tx.queryAndCommit('insert into kept values (2); insert into kept values (3)');
      expect(await kept()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    });
  });

  it('keeps nothing where one of them fails, and neither where the commit does', async () => {
    const before = await kept();
    const end = (text: string) =>
      pool.transaction(async (tx) => {
        await tx.query({ text: 'insert into kept values (10)' });
        await tx.queryAndCommit(text);
      });
    await expect(end('insert into kept values (11); select 1 / 0')).rejects.toThrow();
    await expect(end('insert into kept values (10)')).rejects.toThrow();
    expect(await kept()).toEqual(before);
    // The only connection is as good as new.
    expect((await pool.query({ text: 'select 1 as one' })).rows).toEqual([{ one: 1 }]);
  });

  it('was refused in silence where a statement before them had failed', async () => {
    const swallowed = pool.transaction(async (tx) => {
      await tx.query({ text: 'select 1 / 0' }).catch(() => undefined);
      await tx.queryAndCommit('');
    });
    await expect(swallowed).rejects.toThrow('rolled the transaction back');
  });
});
