import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure } from '../failures.ts';

/** Longer than any exchange with an issuer: a lock of this age was left by a process that died. */
const abandonedAfterMs = 60_000;
const waitMsMax = 90_000;
const pollMs = 50;

/** Runs `work` while no other process works on the file: a lock file beside it says so. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await mkdir(dirname(lock), { recursive: true, mode: 0o700 });
  await take(lock);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<void> {
  const deadline = Date.now() + waitMsMax;
  while (Date.now() < deadline) {
    try {
      const file = await open(lock, 'wx', 0o600);
      return await file.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const since = await stat(lock).catch(() => undefined);
    if (since !== undefined && Date.now() - since.mtimeMs > abandonedAfterMs) {
      await rm(lock, { force: true });
    } else await sleep(pollMs);
  }
  throw new CommandFailure(`${lock} stays locked`, { hint: 'Remove it if nothing else runs.' });
}
