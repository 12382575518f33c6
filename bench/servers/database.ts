import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findFreePort } from '../../src/process/dev/ports.ts';
import {
  postgresUrl,
  startPostgresServer,
  superuserName,
} from '../../src/process/dev/postgres-server.ts';
import { getServerUser, makeServerFolder } from '../../src/process/dev/server-user.ts';
import { ensureDatabase } from '../../src/store/ensure-database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { readChildrenCpuSeconds } from './proc.ts';

const databaseName = 'bench';

/**
 * As a small production server is set: what is acknowledged is on the disk. Checkpoints are moved
 * out of the rounds, where they would hit one service and spare the other.
 */
const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  work_mem: '16MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  random_page_cost: '1.1',
  max_connections: '120',
} as const;

export interface BenchDatabase {
  readonly port: number;
  readonly database: string;
  readonly folder: string;
  readonly apiUrl: string;
  readonly operatorUrl: string;
  readonly superuserUrl: string;
  /** As the superuser, who sees through row-level security. */
  query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]>;
  /** CPU seconds of all its backends so far. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

/** A migrated PostgreSQL 18 of its own, in a temporary folder that `stop` removes. */
export async function startDatabase(): Promise<BenchDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'velocity-bench-'));
  await makeServerFolder(folder, await getServerUser());
  const port = await findFreePort();
  const url = (user: string, database = databaseName): string =>
    postgresUrl({ port, user, database });
  const server = await startPostgresServer({
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'postgres.log'),
    port,
    settings,
  });
  await ensureDatabase(url(superuserName, 'postgres'), databaseName);
  await migrate({ url: url('velocity_operator'), bootstrapUrl: url(superuserName) });
  const client = new pg.Client(url(superuserName));
  await client.connect();
  return {
    port,
    database: databaseName,
    folder,
    apiUrl: url('velocity_api'),
    operatorUrl: url('velocity_operator'),
    superuserUrl: url(superuserName),
    query: async <Row extends pg.QueryResultRow>(text: string) =>
      (await client.query<Row>(text)).rows,
    cpuSeconds: () => readChildrenCpuSeconds(server.identity.pid),
    stop: async () => {
      await client.end().catch(() => {});
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
