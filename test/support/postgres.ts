import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { postgresUrl, superuserName } from '../../src/process/dev/postgres-server.ts';
import { askServers } from './ask-servers.ts';
import { templateName } from './servers.ts';

export interface TestDatabase {
  readonly name: string;
  readonly superuserUrl: string;
  readonly operatorUrl: string;
  readonly apiUrl: string;
  /** Ends every session of the database and removes it. */
  readonly drop: () => Promise<void>;
}

/**
 * A migrated database of the caller's own, cloned from the template: call it once per test file,
 * in `beforeAll`, and `drop` it in `afterAll`. Roles belong to the whole server, so a test that
 * makes domains gives them names of its own: `uniqueName('acme')`.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { port } = await askServers<{ port: number }>(inject('serversUrl'), '/postgres');
  const name = uniqueName('test').replaceAll('-', '_');
  await asSuperuser(port, async (admin) => {
    await cloneTemplate(admin, name);
  });
  const url = (user: string): string => postgresUrl({ port, user, database: name });
  return {
    name,
    superuserUrl: url(superuserName),
    operatorUrl: url('velocity_operator'),
    apiUrl: url('velocity_api'),
    drop: () =>
      asSuperuser(port, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** A DNS label that no other test file of this run uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

/** Rights on a database and its settings are no part of what CREATE DATABASE copies. */
async function cloneTemplate(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${templateName}`);
  await admin.query(
    `UPDATE pg_database AS clone SET datacl = template.datacl, datdba = template.datdba
       FROM pg_database AS template
      WHERE clone.datname = $1 AND template.datname = $2`,
    [name, templateName],
  );
  await admin.query(
    `INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
     SELECT clone.oid, setting.setrole, setting.setconfig
       FROM pg_db_role_setting AS setting
       JOIN pg_database AS template ON template.oid = setting.setdatabase
       JOIN pg_database AS clone ON clone.datname = $1
      WHERE template.datname = $2`,
    [name, templateName],
  );
}

async function asSuperuser(port: number, work: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client(postgresUrl({ port, user: superuserName, database: 'postgres' }));
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
