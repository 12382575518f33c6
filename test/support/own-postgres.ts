import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '../../src/process/dev/ports.ts';
import type { PostgresServer } from '../../src/process/dev/postgres-server.ts';
import {
  postgresUrl,
  startPostgresServer,
  superuserName,
} from '../../src/process/dev/postgres-server.ts';
import { ensureDatabase } from '../../src/store/ensure-database.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { TestDatabase } from './postgres.ts';
import { makeServerFolder, recordServer } from './server-folder.ts';

/** A PostgreSQL that keeps what it has acknowledged, for tests that kill it. */
export interface OwnPostgres extends TestDatabase {
  /** SIGKILL to the whole server; resolves when it has ended. */
  kill(): Promise<void>;
  /** On the same port and data, after recovery. */
  restart(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = await makeServerFolder();
  const port = await findFreePort();
  const start = (): Promise<PostgresServer> =>
    startPostgresServer({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'postgres.log'),
      onSpawn: (identity) => recordServer(folder, identity),
      port,
      // A process that is killed leaves its writes to the system; only a power cut would need fsync.
      durable: false,
      settings: { fsync: 'off' },
    });
  let server = await start();
  const name = 'velocity';
  const url = (user: string): string => postgresUrl({ port, user, database: name });
  await ensureDatabase(postgresUrl({ port, user: superuserName, database: 'postgres' }), name);
  await migrate({ url: url('velocity_operator'), bootstrapUrl: url(superuserName) });
  return {
    name,
    superuserUrl: url(superuserName),
    operatorUrl: url('velocity_operator'),
    apiUrl: url('velocity_api'),
    kill: async () => {
      process.kill(server.identity.pid, 'SIGKILL');
      await server.exited;
    },
    restart: async () => {
      server = await start();
    },
    drop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
