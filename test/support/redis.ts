import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePort } from '../../src/process/dev/ports.ts';
import type { ProcessIdentity } from '../../src/process/dev/process-identity.ts';
import { findProcess, stopProcess } from '../../src/process/dev/process-identity.ts';
import { makeServerFolder, recordServer } from './server-folder.ts';
import { until } from './until.ts';

/** A Redis of the caller's own, which keeps nothing on disk: killed, it comes back empty. */
export interface OwnRedis {
  readonly url: string;
  readonly port: number;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay, and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  stop(): Promise<void>;
}

const startedWithinMs = 10_000;

export async function startRedis(): Promise<OwnRedis> {
  const folder = await makeServerFolder();
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}/0`;
  let server = await start();

  async function start(): Promise<{ identity: ProcessIdentity; exited: Promise<unknown> }> {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    const child = spawn('redis-server', [...settings, '--logfile', join(folder, 'redis.log')], {
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    exited.catch(() => {});
    await Promise.race([once(child, 'spawn'), exited]);
    const identity = child.pid === undefined ? undefined : await findProcess(child.pid);
    if (identity === undefined) throw new Error('redis-server did not start');
    await recordServer(folder, identity);
    await until(() => answers(url), startedWithinMs);
    return { identity, exited };
  }

  return {
    url,
    port,
    kill: async () => {
      process.kill(server.identity.pid, 'SIGKILL');
      await server.exited;
    },
    restart: async () => {
      server = await start();
    },
    freeze: () => void process.kill(server.identity.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.identity.pid, 'SIGCONT'),
    stop: async () => {
      await stopProcess(server.identity, [
        { signal: 'SIGCONT', waitMs: 0 },
        { signal: 'SIGKILL', waitMs: 5_000 },
      ]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
