import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DevContext } from './dev-context.ts';
import type { OnSpawn } from './process-identity.ts';
import type { DevDatabase } from './start-database.ts';
import type { Running } from './supervisor.ts';
import { startVelocityChild } from './velocity-child.ts';

const apiReadyWithinMs = 60_000;
const apiPollMs = 50;
const probeTimeoutMs = 2_000;
const logTailLines = 5;

/** Starts worker, operator and API side by side; resolves once the API serves. */
export async function startProcesses(
  context: DevContext,
  addresses: {
    readonly database: DevDatabase;
    readonly temporalAddress: string;
    readonly apiUrl: string;
  },
): Promise<void> {
  const { console, supervisor, ports, secrets } = context;
  const { database, temporalAddress, apiUrl } = addresses;
  const start = (
    name: 'api' | 'operator' | 'worker',
    databaseUrl: string,
    onSpawn: OnSpawn,
  ): Promise<Running> =>
    startVelocityChild({
      name,
      onSpawn,
      logFile: logFileOf(context, name),
      console,
      env: {
        VELOCITY_DATABASE_URL: databaseUrl,
        VELOCITY_TEMPORAL_ADDRESS: temporalAddress,
        VELOCITY_CURSOR_SECRET: secrets.cursorSecret,
        VELOCITY_SECRET_KEY: secrets.sealingKey,
        VELOCITY_PORT: String(ports.api),
        // Three processes cannot share a port; the API serves its figures on its own.
        VELOCITY_METRICS_PORT: '',
        // The folder is applied to Postgres, whatever the shell was set up for.
        VELOCITY_RESOURCES: 'postgres',
      },
    });
  await console.step('API, operator, worker', async () => {
    // All are waited for, so that a failure leaves no start under way behind it.
    const starts = await Promise.allSettled([
      supervisor.start('worker', (onSpawn) => start('worker', database.operatorUrl, onSpawn)),
      supervisor.start('operator', (onSpawn) => start('operator', database.operatorUrl, onSpawn)),
      supervisor.start('api', async (onSpawn) =>
        waitUntilServing(context, await start('api', database.apiUrl, onSpawn), apiUrl),
      ),
    ]);
    const failed = starts.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  });
}

/** Ends the API again when it does not serve in time, or when the run is asked to end meanwhile. */
async function waitUntilServing(
  context: DevContext,
  api: Running,
  apiUrl: string,
): Promise<Running> {
  let ended = false;
  void api.exited.then(() => {
    ended = true;
  });
  const deadline = performance.now() + apiReadyWithinMs;
  while (!ended && !context.signal.aborted && performance.now() < deadline) {
    if (await serves(apiUrl)) return api;
    await sleep(apiPollMs);
  }
  await api.stop();
  context.signal.throwIfAborted();
  const log = logFileOf(context, 'api');
  const lines = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n');
  throw new Error(
    `the API does not serve on ${apiUrl}; the end of ${log}:\n${lines.slice(-logTailLines).join('\n')}`,
  );
}

async function serves(apiUrl: string): Promise<boolean> {
  try {
    const answer = await fetch(`${apiUrl}/readyz`, {
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function logFileOf(context: DevContext, name: string): string {
  return join(context.folder.logs, `${name}.log`);
}
