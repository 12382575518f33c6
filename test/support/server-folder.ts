import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../src/process/dev/process-identity.ts';
import { findProcess, isRunning, stopProcess } from '../../src/process/dev/process-identity.ts';

const prefix = 'velocity-test-';

/** A temporary folder of one test server; it says whose run it belongs to. */
export async function makeServerFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  // PostgreSQL runs as another user when the tests run as root, and must pass through.
  await chmod(folder, 0o711);
  await writeIdentity(folder, 'owner', await findProcess(process.pid));
  return folder;
}

/** Notes which process serves from the folder. */
export async function recordServer(folder: string, identity: ProcessIdentity): Promise<void> {
  await writeIdentity(folder, 'server', identity);
}

/** Ends the servers of runs that were killed, which could not do so themselves. */
export async function endAbandonedServers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const folder = join(tmpdir(), name);
    try {
      if (await isRunning(await readIdentity(folder, 'owner'))) continue;
      const server = await readIdentity(folder, 'server').catch(() => undefined);
      if (server !== undefined) await stopProcess(server, [{ signal: 'SIGQUIT', waitMs: 5_000 }]);
      await rm(folder, { recursive: true, force: true });
    } catch {
      // Being made or being removed by another run right now.
    }
  }
}

async function writeIdentity(folder: string, name: string, identity: unknown): Promise<void> {
  await writeFile(join(folder, `${name}.json`), JSON.stringify(identity));
}

async function readIdentity(folder: string, name: string): Promise<ProcessIdentity> {
  return JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as ProcessIdentity;
}
