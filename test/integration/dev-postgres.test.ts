import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChildRecord, stopLeftovers } from '../../src/process/dev/leftovers.ts';
import { findFreePort } from '../../src/process/dev/ports.ts';
import type { PostgresServer } from '../../src/process/dev/postgres-server.ts';
import {
  postgresUrl,
  startPostgresServer,
  superuserName,
} from '../../src/process/dev/postgres-server.ts';
import { isRunning } from '../../src/process/dev/process-identity.ts';
import type { StateFolder } from '../../src/process/dev/state-folder.ts';
import { openStateFolder, prepareStateFolder } from '../../src/process/dev/state-folder.ts';

const password = 'of the test';

describe('embedded PostgreSQL', () => {
  let cwd: string;
  let folder: StateFolder;
  let server: PostgresServer | undefined;
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'velocity-embedded-'));
    await chmod(cwd, 0o711);
    folder = await openStateFolder(cwd);
    await prepareStateFolder(folder);
  });
  afterEach(async () => {
    await server?.stop();
    await rm(cwd, { recursive: true, force: true });
  });

  const start = async (): Promise<PostgresServer> => {
    server = await startPostgresServer({
      dataDir: folder.postgres,
      port: await findFreePort(),
      superuserPassword: password,
      logFile: join(folder.logs, 'postgres.log'),
      durable: false,
    });
    return server;
  };
  const query = async (port: number, text: string, secret = password): Promise<unknown[]> => {
    const client = new pg.Client(
      postgresUrl({ port, user: superuserName, password: secret, database: 'postgres' }),
    );
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };

  it('asks for the password and keeps what was written over a stop and a start', async () => {
    const first = await start();
    expect(first.created).toBe(true);
    await expect(query(first.port, 'SELECT 1', 'wrong')).rejects.toThrow(/password/);
    await query(first.port, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const second = await start();
    expect(second.created).toBe(false);
    expect(await query(second.port, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('recovers by itself after kill -9, also when its old number belongs to somebody else', async () => {
    const first = await start();
    await query(first.port, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(first.identity.pid, 'SIGKILL');
    await first.exited;
    const pidFile = join(folder.postgres, 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
    expect(await stopLeftovers(folder)).toEqual([]);
    const second = await start();
    expect(await query(second.port, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('is stopped when a killed run left it behind, recorded or not', async () => {
    const first = await start();
    await openChildRecord(folder).set('postgres', first.identity);
    expect(await stopLeftovers(folder)).toEqual(['postgres']);
    expect(await isRunning(first.identity)).toBe(false);
    const second = await start();
    expect(await stopLeftovers(folder)).toEqual(['postgres']);
    expect(await isRunning(second.identity)).toBe(false);
  });

  it('leaves a process alone that was given a recorded number later', async () => {
    await openChildRecord(folder).set('api', { pid: process.pid, startMark: 'another boot/1' });
    expect(await stopLeftovers(folder)).toEqual([]);
  });

  it('says what the log says when it cannot start', async () => {
    const first = await start();
    await expect(
      startPostgresServer({
        dataDir: folder.postgres,
        port: first.port,
        logFile: join(folder.logs, 'second.log'),
      }),
    ).rejects.toThrow(/its log says:\n.*postmaster\.pid/s);
  });
});
