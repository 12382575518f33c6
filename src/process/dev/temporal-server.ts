import { execFile, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Yielding } from '../../config.ts';
import { environment } from '../../config.ts';
import { yieldingCommand } from '../yield-to-requests.ts';
import { choosePort } from './ports.ts';
import type { OnSpawn, ProcessIdentity, StopStep } from './process-identity.ts';
import { findProcess, stopProcess } from './process-identity.ts';

const execute = promisify(execFile);

const readyWithinMs = 60_000;
const readyPollMs = 25;
const probeTimeoutMs = 1_000;
const logTailBytes = 2_000;

const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

export interface TemporalServerOptions {
  readonly port: number;
  /** Without it the server has no user interface. */
  readonly uiPort?: number;
  /** SQLite file that keeps workflows over restarts; in memory without it. */
  readonly databaseFile?: string;
  readonly searchAttributes?: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly yielding?: Yielding;
  /** Told at once, before the server is ready: a run that is killed meanwhile leaves a trace. */
  readonly onSpawn?: OnSpawn;
}

export interface TemporalServer {
  readonly identity: ProcessIdentity;
  /** `host:port` of the frontend. */
  readonly address: string;
  /** Settles when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** Starts `temporal server start-dev`, in a session of its own; resolves once it serves. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const command = await findTemporalCommand();
  const httpPort = await choosePort([], new Set([options.port, options.uiPort ?? 0]));
  const log = await open(options.logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  const [file, ...args] = yieldingCommand(options.yielding ?? 'nice');
  const child = spawn(
    file,
    [
      ...[...args, command],
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port)],
      ...['--http-port', String(httpPort), '--log-format', 'json', '--color', 'never'],
      ...(options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)]),
      ...(options.databaseFile === undefined ? [] : ['--db-filename', options.databaseFile]),
      ...Object.entries(options.searchAttributes ?? {}).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${type}`,
      ]),
    ],
    { detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  }).then(() => {
    ended = true;
  });
  await log.close();

  const identity = child.pid === undefined ? undefined : await findProcess(child.pid);
  if (identity !== undefined) await options.onSpawn?.(identity);
  const deadline = performance.now() + readyWithinMs;
  while (identity !== undefined && !ended && performance.now() < deadline) {
    if (await serves(httpPort)) {
      return {
        identity,
        address: `127.0.0.1:${options.port}`,
        exited,
        stop: async () => {
          await stopProcess(identity, stopSteps);
          await exited;
        },
      };
    }
    await sleep(readyPollMs);
  }
  if (identity !== undefined) await stopProcess(identity, stopSteps);
  const written = (await readFile(options.logFile)).subarray(logStart).subarray(-logTailBytes);
  throw new Error(
    `Temporal did not start; its log says:\n${written.toString('utf8').trim() || '(nothing)'}`,
  );
}

/** The CLI on the PATH, else the one that `make` put into the cache. */
async function findTemporalCommand(): Promise<string> {
  const env = environment();
  const cache = env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const tools = join(env['VELOCITY_CACHE'] ?? join(cache, 'velocity'), 'bin');
  for (const command of ['temporal', join(tools, 'temporal')]) {
    try {
      await execute(command, ['--version']);
      return command;
    } catch {
      // Not there: the next place.
    }
  }
  throw new Error(
    'the Temporal CLI is not installed; `make dev` in a clone installs it, ' +
      'https://docs.temporal.io/cli tells how to, or bring your own server with --temporal-address',
  );
}

/** Serving means more than listening: the namespace that workers ask for must be there. */
async function serves(httpPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/api/v1/namespaces/default`, {
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
