import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBootstrapKey } from '../../auth/bootstrap-key.ts';
import { ensureDatabase } from '../../store/ensure-database.ts';
import { migrate } from '../../store/migrate.ts';
import type { DevContext } from './dev-context.ts';
import { postgresUrl, startPostgresServer, superuserName } from './postgres-server.ts';
import type { OnSpawn } from './process-identity.ts';
import { placeDataFolder, writeJsonFile } from './state-folder.ts';
import type { Running } from './supervisor.ts';

const databaseName = 'velocity';
const operatorRole = 'velocity_operator';
const apiRole = 'velocity_api';
/** The environment that the admin key names. */
const keyEnvironment = 'dev';

/** After a kill -9 the last backends of the old server may need a moment to notice and to end. */
const startTriesMax = 6;
const startRetryMs = 500;

export interface DevDatabase {
  /** Logs in as velocity_operator. */
  readonly operatorUrl: string;
  /** Logs in as velocity_api. */
  readonly apiUrl: string;
  readonly adminKey: string;
  /** Whether this start minted the key, so that nobody has seen it yet. */
  readonly adminKeyIsNew: boolean;
}

/** A migrated database, embedded or brought along, with its two login roles and the admin key. */
export async function startDatabase(context: DevContext): Promise<DevDatabase> {
  const { options, secrets, console, signal } = context;
  const superuserUrl = options.databaseUrl ?? (await startPostgres(context));
  signal.throwIfAborted();
  return console.step('platform tables', async () => {
    const operatorUrl = withLogin(superuserUrl, operatorRole, secrets.operatorPassword);
    await migrate({
      url: operatorUrl,
      bootstrapUrl: superuserUrl,
      passwords: { operator: secrets.operatorPassword, api: secrets.apiPassword },
    });
    const adminKey = await ensureBootstrapKey(operatorUrl, {
      env: keyEnvironment,
      ...(secrets.adminKey === undefined ? {} : { existing: secrets.adminKey }),
    });
    const adminKeyIsNew = adminKey !== secrets.adminKey;
    if (adminKeyIsNew) await writeJsonFile(context.folder.secrets, { ...secrets, adminKey });
    const apiUrl = withLogin(superuserUrl, apiRole, secrets.apiPassword);
    return { operatorUrl, apiUrl, adminKey, adminKeyIsNew };
  });
}

/** Answers the superuser's address of the embedded database. */
async function startPostgres(context: DevContext): Promise<string> {
  const { folder, ports, secrets, console, supervisor, signal } = context;
  const dataDir = await placeDataFolder(folder);
  const start = (onSpawn: OnSpawn): Promise<Running> =>
    startPostgresServer({
      onSpawn,
      dataDir,
      port: ports.postgres,
      superuserPassword: secrets.superuserPassword,
      logFile: join(folder.logs, 'postgres.log'),
      settings: { max_connections: '200' },
    });
  await console.step('PostgreSQL 18', () =>
    supervisor.start('postgres', (onSpawn) => startWithPatience(() => start(onSpawn), signal)),
  );
  const url = (database: string): string =>
    postgresUrl({
      port: ports.postgres,
      user: superuserName,
      password: secrets.superuserPassword,
      database,
    });
  await ensureDatabase(url('postgres'), databaseName);
  return url(databaseName);
}

async function startWithPatience(
  start: () => Promise<Running>,
  signal: AbortSignal,
): Promise<Running> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries === startTriesMax || signal.aborted) throw error;
      await sleep(startRetryMs);
    }
  }
}

/** The address of the same database for a login role. */
function withLogin(superuserUrl: string, role: string, password: string): string {
  const url = new URL(superuserUrl);
  url.username = role;
  url.password = password;
  return url.href;
}
