import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import { environment } from '../../src/config.ts';
import { findFreePort } from '../../src/process/dev/ports.ts';
import { startTemporalServer } from '../../src/process/dev/temporal-server.ts';
import type { BenchDatabase } from './database.ts';
import { startDatabase } from './database.ts';
import { readCpuSeconds } from './proc.ts';
import type { Service } from './service.ts';
import { startService } from './service.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const searchAttributesFile = new URL('../../temporal/search-attributes.json', import.meta.url);
/** Requests come first on a machine that carries everything. */
const yielding = 'idle';
const startedWithinMs = 30_000;
const pollMs = 50;

/** A whole Velocity, each part a process, as `velocity dev` starts them. */
export interface BenchPlatform {
  readonly database: BenchDatabase;
  readonly api: Service;
  readonly apiUrl: string;
  readonly adminKey: string;
  /** CPU seconds of the parts that work beside the API so far. */
  cpuSeconds(): Promise<Readonly<Record<'worker' | 'operator' | 'temporal', number>>>;
  stop(): Promise<void>;
}

export async function startPlatform(): Promise<BenchPlatform> {
  await using scope = new AsyncDisposableStack();
  const database = await startDatabase();
  scope.defer(() => database.stop());
  const temporal = await startTemporalServer({
    port: await findFreePort(),
    searchAttributes: JSON.parse(await readFile(searchAttributesFile, 'utf8')),
    logFile: join(database.folder, 'temporal.log'),
    yielding,
  });
  scope.defer(() => temporal.stop());
  const adminKey = await ensureBootstrapKey(database.operatorUrl, { env: 'bench' });
  const port = await findFreePort();
  // One actor sends everything, as fast as it is answered.
  const env = {
    VELOCITY_TEMPORAL_ADDRESS: temporal.address,
    VELOCITY_RATE_LIMIT: 'off',
    VELOCITY_YIELD: yielding,
  };
  const api = await startService({
    ...{ name: "Velocity's API", program: join(root, 'bin/velocity.mjs'), args: ['api'], port },
    env: { ...env, VELOCITY_DATABASE_URL: database.apiUrl, VELOCITY_PORT: String(port) },
    logFile: join(database.folder, 'velocity.log'),
  });
  scope.defer(() => api.stop());
  const worker = await startBeside('worker', database, env);
  scope.defer(() => worker.stop());
  const operator = await startBeside('operator', database, env);
  scope.defer(() => operator.stop());
  const running = scope.move();
  return {
    ...{ database, api, adminKey, apiUrl: `http://127.0.0.1:${port}` },
    cpuSeconds: async () => ({
      worker: await readCpuSeconds(worker.pid),
      operator: await readCpuSeconds(operator.pid),
      temporal: await readCpuSeconds(temporal.identity.pid),
    }),
    stop: () => running.disposeAsync(),
  };
}

/** A process without a port: it serves once its log says so. */
async function startBeside(
  name: 'worker' | 'operator',
  database: BenchDatabase,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const logFile = join(database.folder, `${name}.log`);
  const log = await open(logFile, 'a');
  const child = spawn(join(root, 'bin/velocity.mjs'), [name], {
    env: { ...environment(), ...env, VELOCITY_DATABASE_URL: database.operatorUrl },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const exited = once(child, 'exit');
  const deadline = performance.now() + startedWithinMs;
  while (!(await readFile(logFile, 'utf8')).includes('process.started')) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the ${name} did not start:\n${await readFile(logFile, 'utf8')}`);
    }
    await sleep(pollMs);
  }
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
