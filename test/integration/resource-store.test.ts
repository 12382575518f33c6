import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finalizer } from '../../src/contract/names.ts';
import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import type { ResourceStore } from '../../src/resources/store.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  application,
  domain,
  organisation,
  schema,
} from '../unit/resources/admission/manifests.ts';
import { describeStore } from './store-contract.ts';

let pools: Pool[] = [];

function openAs(connectionString: string, resyncMs?: number): ResourceStore {
  const pool = openPool({ connectionString, size: 8, application: 'resource-store test' });
  pools = [...pools, pool];
  return openPostgresStore({
    pool,
    connectionString,
    ...(resyncMs !== undefined && { resyncMs }),
  });
}

async function asSuperuser(database: TestDatabase, text: string): Promise<number> {
  const client = new pg.Client(database.superuserUrl);
  await client.connect();
  try {
    return (await client.query(text)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}

describeStore('resource store in Postgres', async () => {
  const database = await createTestDatabase();
  return {
    open: async ({ resyncMs } = {}) => openAs(database.operatorUrl, resyncMs),
    clear: async () => {
      await asSuperuser(database, 'delete from platform.resources');
    },
    cutWatches: async () => {
      const cut = await asSuperuser(
        database,
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'velocity listen'`,
      );
      expect(cut).toBeGreaterThan(0);
    },
    close: async () => {
      await Promise.all(pools.map((pool) => pool.close()));
      await database.drop();
    },
  };
});

describe('resource store in Postgres › logins', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it.each(['operatorUrl', 'apiUrl'] as const)('serves the login of %s', async (url) => {
    const own = openAs(database[url]);
    const thing = schema('a');
    const { namespace, name } = thing.metadata;
    const key = { kind: 'SchemaDefinition', namespace, name } as const;
    await own.apply([
      organisation('acme'),
      application('acme', 'shop'),
      domain('acme', 'shop', 'orders'),
    ]);
    const [created] = await own.apply([thing], { actor: 'alice' });
    expect(created?.outcome).toBe('created');
    expect(await own.findRequester(key)).toBe('alice');
    await own.patchStatus(key, { phase: 'Ready' });
    await own.removeFinalizer(key, finalizer);
    expect(await own.delete(key)).toBeDefined();
    expect(await own.find(key)).toBeUndefined();
  });
});
