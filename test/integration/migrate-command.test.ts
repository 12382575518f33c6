import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { sharedTemporal } from '../support/temporal.ts';

const execute = promisify(execFile);
const program = fileURLToPath(new URL('../../bin/velocity.mjs', import.meta.url));

describe('velocity migrate', () => {
  let database: TestDatabase;
  let temporalAddress: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    temporalAddress = await sharedTemporal();
  });
  afterAll(() => database.drop());

  const migrate = async (databaseUrl: string, ...args: string[]): Promise<string> => {
    const { stdout } = await execute(process.execPath, [program, 'migrate', ...args], {
      env: {
        ...process.env,
        VELOCITY_DATABASE_URL: databaseUrl,
        VELOCITY_TEMPORAL_ADDRESS: temporalAddress,
      },
    });
    return stdout;
  };

  it('has nothing to do the second time and registers the search attributes', async () => {
    const printed = await migrate(database.operatorUrl);
    expect(printed).toContain('the database is up to date');
    expect(printed).toContain('search attributes are registered');
  });

  it('needs a superuser for an empty database, and says so', async () => {
    const empty = `${database.name}_empty`;
    const admin = new pg.Client(database.superuserUrl);
    await admin.connect();
    await admin.query(`CREATE DATABASE ${empty}`);
    const at = (url: string): string => url.replace(`/${database.name}`, `/${empty}`);
    try {
      await expect(migrate(at(database.operatorUrl))).rejects.toThrow(/--bootstrap-url/);
      const printed = await migrate(
        at(database.operatorUrl),
        ...['--bootstrap-url', at(database.superuserUrl)],
      );
      expect(printed).toMatch(/^applied 0001_roles\.sql$/m);
      expect(printed).toMatch(/\d+ migrations applied/);
    } finally {
      await admin.query(`DROP DATABASE ${empty} WITH (FORCE)`);
      await admin.end();
    }
  });

  it('refuses options it does not know', async () => {
    await expect(migrate(database.operatorUrl, '--force')).rejects.toMatchObject({ code: 2 });
  });
});
