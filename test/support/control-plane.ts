import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type { Resource } from '../../src/contract/kinds.ts';
import type { KubernetesClient } from '../../src/resources/kubernetes/client.ts';
import { openKubernetesStore } from '../../src/resources/kubernetes/kubernetes-store.ts';
import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import { loadVersions } from '../../src/resources/postgres/sql/load-admission-view.ts';
import type { ResourceKey, ResourceStore } from '../../src/resources/store.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import { createTestDatabase } from './postgres.ts';
import { makeServerFolder } from './server-folder.ts';
import { startTemporal } from './temporal.ts';

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const crashingWorkerFile = fileURLToPath(new URL('./crashing-worker.ts', import.meta.url));
const pollMs = 10;

/** A process of Velocity, as its users run it. */
export interface ControlProcess {
  /** JSON lines that it has logged. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves to its exit code, or to the signal that ended it. */
  readonly exited: Promise<number | string>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string>;
}

/** A database and a Temporal of the caller's own; worker and operator are real processes. */
export interface ControlPlane {
  readonly pool: Pool;
  /** The same database as a superuser, to look at everything. */
  readonly superuserUrl: string;
  /** The same database as an API logs in to it. */
  readonly apiDatabaseUrl: string;
  /** As velocity_operator, who owns the record tables. */
  readonly operatorDatabaseUrl: string;
  readonly store: ResourceStore;
  readonly temporal: Client;
  /** What every process of it is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** `host:port`. */
  temporalAddress(): string;
  /** `env` on top of the plane's own. */
  startWorker(env?: Record<string, string>): Promise<ControlProcess>;
  /** A worker that kills itself with SIGKILL. Resolves when it has ended, to what ended it. */
  runCrashingWorker(crash: Crash): Promise<number | string>;
  startOperator(env?: Record<string, string>): Promise<ControlProcess>;
  /** Waits until the resource is as wanted; fails with what it was last. */
  until(
    key: ResourceKey,
    wanted: (resource: Resource | undefined) => boolean,
    withinMs?: number,
  ): Promise<Resource | undefined>;
  /** Takes Temporal away with all that it knew; the answer brings an empty one back in its place. */
  loseTemporal(): Promise<() => Promise<void>>;
  /** Takes Temporal away; the answer brings it back as it was, where it was to be kept. */
  takeTemporalAway(): Promise<() => Promise<void>>;
  /** Ends every process, the database and Temporal. */
  stop(): Promise<void>;
}

export type CrashMoment = 'before' | 'after';

/** The first run of an activity, or the n-th statement, from 1 on, of the change of a schema. */
export type Crash =
  | { readonly activity: string; readonly moment: CrashMoment }
  | {
      readonly schema: string;
      readonly statement: number;
      readonly moment: CrashMoment | 'during';
    };

/**
 * `keepTemporal`: Temporal keeps what it knows in a file, so that it can come back as it was.
 * `kubernetes`: resources live in that cluster, through `kubeconfig`.
 */
export async function startControlPlane(
  options: {
    readonly keepTemporal?: boolean;
    readonly kubernetes?: { readonly kubeconfig: string; readonly client: KubernetesClient };
  } = {},
): Promise<ControlPlane> {
  const folder = await makeServerFolder();
  const kept = options.keepTemporal === true ? { databaseFile: join(folder, 'temporal.db') } : {};
  const [database, firstTemporal] = await Promise.all([createTestDatabase(), startTemporal(kept)]);
  let temporal = firstTemporal;
  const bringBack = async (): Promise<void> => {
    const port = Number(temporal.address.split(':').at(-1));
    temporal = await startTemporal({ port, ...kept });
  };
  const pool = openPool({ connectionString: database.operatorUrl, application: 'test' });
  const { kubernetes } = options;
  const store =
    kubernetes === undefined
      ? openPostgresStore({ pool, connectionString: database.operatorUrl })
      : openKubernetesStore({
          ...{ client: kubernetes.client, holder: 'test' },
          findVersions: (namespaces) => loadVersions(pool, namespaces),
        });
  const connection = await Connection.connect({ address: temporal.address });
  const running = new Set<ControlProcess>();
  const env = {
    VELOCITY_DATABASE_URL: database.operatorUrl,
    VELOCITY_TEMPORAL_ADDRESS: temporal.address,
    VELOCITY_LOG_LEVEL: 'debug',
    ...(kubernetes !== undefined && {
      VELOCITY_RESOURCES: 'kubernetes',
      VELOCITY_KUBECONFIG: kubernetes.kubeconfig,
    }),
  };
  const start = async (args: string[], more = {}): Promise<ControlProcess> => {
    const { process: started, ready } = spawnProcess(args, { ...env, ...more });
    running.add(started);
    await ready;
    return started;
  };

  return {
    pool,
    superuserUrl: database.superuserUrl,
    apiDatabaseUrl: database.apiUrl,
    operatorDatabaseUrl: database.operatorUrl,
    store,
    environment: env,
    temporal: new Client({ connection }),
    temporalAddress: () => temporal.address,
    startWorker: (more) => start([mainFile, 'worker'], more),
    runCrashingWorker: (crash) => {
      const { process: crashing } = spawnProcess([crashingWorkerFile, JSON.stringify(crash)], env);
      running.add(crashing);
      return crashing.exited;
    },
    startOperator: (more) => start([mainFile, 'operator'], more),
    until: async (key, wanted, withinMs = 30_000) => {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const resource = await store.find(key);
        if (wanted(resource)) return resource;
        if (performance.now() > deadline) {
          throw new Error(`${key.kind} ${key.name} is ${JSON.stringify(resource ?? null)}`);
        }
        await sleep(pollMs);
      }
    },
    loseTemporal: async () => {
      await temporal.stop();
      for (const left of await readdir(folder)) {
        if (left.startsWith('temporal.db')) await rm(join(folder, left));
      }
      return bringBack;
    },
    takeTemporalAway: async () => {
      await temporal.stop();
      return bringBack;
    },
    stop: async () => {
      await Promise.all([...running].map((each) => each.kill('SIGKILL')));
      await connection.close();
      await pool.close();
      await temporal.stop();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `ready` resolves once the process has said that it started. */
function spawnProcess(
  args: string[],
  env: Record<string, string>,
): { process: ControlProcess; ready: Promise<void> } {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  const other: string[] = [];
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = parseLine(line);
    if (entry === undefined) return void other.push(line);
    log.push(entry);
    if (entry['msg'] === 'process.started') ready.resolve();
  });
  createInterface({ input: child.stderr }).on('line', (line) => other.push(line));
  const exited = once(child, 'exit').then(([code, signal]) => {
    ready.reject(new Error(`${args.join(' ')} ended before it started:\n${other.join('\n')}`));
    return (signal ?? code) as number | string;
  });
  const kill = (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string> => {
    child.kill(signal);
    return exited;
  };
  return { process: { log, exited, kill }, ready: ready.promise };
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
