import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findFreePort } from '../../src/process/dev/ports.ts';
import {
  postgresUrl,
  startPostgresServer,
  superuserName,
} from '../../src/process/dev/postgres-server.ts';
import { stopProcess } from '../../src/process/dev/process-identity.ts';
import { migrate } from '../../src/store/migrate.ts';
import { endAbandonedServers, makeServerFolder, recordServer } from './server-folder.ts';

export const templateName = 'velocity_template';

export interface TestPostgres {
  readonly port: number;
  /** Logs in as superuser; database `postgres`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * One PostgreSQL 18 in a temporary folder. It forgets everything at the end, so nothing waits for
 * the disk; a run that was killed left its server behind, which the next run ends first.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  await endAbandonedServers();
  const folder = await makeServerFolder();
  const port = await findFreePort();
  try {
    const server = await startPostgresServer({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'postgres.log'),
      onSpawn: (identity) => recordServer(folder, identity),
      port,
      durable: false,
      settings: {
        fsync: 'off',
        synchronous_commit: 'off',
        full_page_writes: 'off',
        max_connections: '200',
        max_wal_size: '4GB',
        checkpoint_timeout: '30min',
      },
    });
    return {
      port,
      url: postgresUrl({ port, user: superuserName, database: 'postgres' }),
      stop: async () => {
        // Nothing of it is kept: no checkpoint, no waiting for clients.
        await stopProcess(server.identity, [
          { signal: 'SIGQUIT', waitMs: 5_000 },
          { signal: 'SIGKILL', waitMs: 5_000 },
        ]);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The migrated database that every test database is cloned from. */
export async function buildTemplate(port: number): Promise<void> {
  const admin = new pg.Client(postgresUrl({ port, user: superuserName, database: 'postgres' }));
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${templateName}`);
    await migrate({
      url: postgresUrl({ port, user: 'velocity_operator', database: templateName }),
      bootstrapUrl: postgresUrl({ port, user: superuserName, database: templateName }),
    });
  } finally {
    await admin.end();
  }
}
