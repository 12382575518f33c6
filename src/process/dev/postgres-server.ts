import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import type { OnSpawn, ProcessIdentity, StopStep } from './process-identity.ts';
import { findProcess, stopProcess } from './process-identity.ts';
import type { ServerUser } from './server-user.ts';
import { getServerUser, makeServerFolder, reachableBinaries } from './server-user.ts';

/** The one superuser of an embedded cluster. */
export const superuserName = 'postgres';

/** Crash recovery of a large cluster takes minutes; a server that needs longer is stuck. */
const readyWithinMs = 300_000;
const readyPollMs = 15;
const logTailBytes = 2_000;

/** Smart lets clients finish, fast ends their sessions, immediate leaves recovery to the next start. */
const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 1_000 },
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

export interface PostgresServerOptions {
  /** Absolute; made by initdb when it holds no cluster yet. */
  readonly dataDir: string;
  readonly port: number;
  /** Asked of every connection; without it the loopback address is trusted (tests only). */
  readonly superuserPassword?: string;
  /** Settings of postgresql.conf for this start. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Absolute; the server's own log is appended here. */
  readonly logFile: string;
  /** Whether initdb forces its files to disk; off only where losing them costs nothing. */
  readonly durable?: boolean;
  /** Told at once, before the server is ready: a run that is killed meanwhile leaves a trace. */
  readonly onSpawn?: OnSpawn;
}

export interface PostgresServer {
  readonly identity: ProcessIdentity;
  readonly port: number;
  /** Whether this start made the cluster. */
  readonly created: boolean;
  /** Settles when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL on the loopback address, in a session of its own, so that a Ctrl-C in the
 * terminal reaches only the process that knows the order in which to stop things. Resolves when
 * the server accepts connections; a crashed cluster recovers by itself first.
 */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const user = await getServerUser();
  const binaries = await reachableBinaries(await findPostgresBinaries(), user);
  const created = !(await isCluster(options.dataDir));
  if (created) await initialiseCluster({ options, binaries, user });

  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    lc_messages: 'C',
    ...options.settings,
  };
  const log = await open(options.logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  const child = spawn(
    binaries.postgres,
    [
      ...['-D', options.dataDir, '-p', String(options.port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...user, cwd: options.dataDir, detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await log.close();
  const identity = child.pid === undefined ? undefined : await findProcess(child.pid);
  if (identity !== undefined) await options.onSpawn?.(identity);
  await waitUntilReady({ ...options, pid: child.pid, exited, logStart });
  if (identity === undefined) throw await startFailure(options.logFile, logStart);
  return {
    identity,
    port: options.port,
    created,
    exited,
    stop: async () => {
      await stopProcess(identity, stopSteps);
      await exited;
    },
  };
}

/** A connection string of the loopback address. */
export function postgresUrl(options: {
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
}): string {
  const password = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}`;
  const user = encodeURIComponent(options.user);
  return `postgres://${user}${password}@127.0.0.1:${options.port}/${options.database}`;
}

async function isCluster(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/**
 * The collation is PostgreSQL's own C.UTF-8: the same order on every machine and, unlike the
 * system's, never changed under an index by an update of the system.
 */
async function initialiseCluster(parts: {
  readonly options: PostgresServerOptions;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
}): Promise<void> {
  const { options, binaries, user } = parts;
  // An initdb that was broken off leaves files but no PG_VERSION, and refuses such a folder.
  await rm(options.dataDir, { recursive: true, force: true });
  await makeServerFolder(options.dataDir, user);
  const secretDir = await mkdtemp(join(tmpdir(), 'velocity-initdb-'));
  const passwordFile = join(secretDir, 'password');
  try {
    await makeServerFolder(secretDir, user);
    await writeFile(passwordFile, `${options.superuserPassword ?? 'unused'}\n`, { mode: 0o444 });
    const child = spawn(
      binaries.initdb,
      [
        `--pgdata=${options.dataDir}`,
        `--username=${superuserName}`,
        `--pwfile=${passwordFile}`,
        `--auth=${options.superuserPassword === undefined ? 'trust' : 'scram-sha-256'}`,
        ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin'],
        ...['--builtin-locale=C.UTF-8', '--no-instructions'],
        ...(options.durable === false ? ['--no-sync'] : []),
      ],
      { ...user, cwd: options.dataDir, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString('utf8')).slice(-logTailBytes);
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`initdb failed (exit code ${code}):\n${output.trim()}`);
  } finally {
    await rm(secretDir, { recursive: true, force: true });
  }
}

/** postmaster.pid names the server on its first line and says `ready` on its eighth. */
async function waitUntilReady(options: {
  readonly dataDir: string;
  readonly logFile: string;
  readonly logStart: number;
  readonly pid: number | undefined;
  readonly exited: Promise<void>;
}): Promise<void> {
  let ended = false;
  void options.exited.then(() => {
    ended = true;
  });
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline) {
    if (ended) throw await startFailure(options.logFile, options.logStart);
    const lines = (await readFile(join(options.dataDir, 'postmaster.pid'), 'utf8').catch(() => ''))
      .split('\n')
      .map((line) => line.trim());
    if (lines[0] === String(options.pid) && lines[7] === 'ready') return;
    await sleep(readyPollMs);
  }
  throw new Error(`PostgreSQL was not ready within ${readyWithinMs / 1000} s`);
}

async function startFailure(logFile: string, logStart: number): Promise<Error> {
  const log = await readFile(logFile).catch(() => Buffer.alloc(0));
  const written = log.subarray(logStart).subarray(-logTailBytes).toString('utf8').trim();
  return new Error(`PostgreSQL did not start; its log says:\n${written || '(nothing)'}`);
}
