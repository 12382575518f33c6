import { randomUUID } from 'node:crypto';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessIdentity } from './process-identity.ts';
import { findProcess, isRunning } from './process-identity.ts';
import { writeJsonFile } from './state-folder.ts';

/** A take-over by somebody else takes milliseconds; two seconds of trying mean something is wrong. */
const triesMax = 100;
const retryMs = 20;

interface LockHolder {
  readonly identity: ProcessIdentity;
  /** ISO 8601, for people; the identity decides. */
  readonly since: string;
  readonly apiUrl?: string;
}

/** Somebody else runs in this folder; the message says who. */
export class LockHeldError extends Error {}

export interface Lock {
  /** Tells a second start where this one serves. */
  announce(apiUrl: string): Promise<void>;
  release(): Promise<void>;
}

/**
 * One run per folder. The lock is a file that appears with its content (a link to a finished
 * file), so nobody ever reads half of one; a holder counts as gone when no process has its number
 * *and* its start time.
 */
export async function acquireLock(path: string, now: Date): Promise<Lock> {
  const identity = await findProcess(process.pid);
  if (identity === undefined) throw new Error('this process cannot be found in the process table');
  const holder: LockHolder = { identity, since: now.toISOString() };
  const candidate = `${path}.${randomUUID()}`;
  await writeFile(candidate, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (await linkUnlessThere(candidate, path)) return lockOf(path, holder);
      const current = await readHolder(path);
      if (current === undefined) continue;
      if (await isRunning(current.identity)) throw heldBy(current);
      if (await takeOver({ path, candidate, stale: current })) return lockOf(path, holder);
      await sleep(retryMs);
    }
  } finally {
    await rm(candidate, { force: true });
  }
  throw new Error(`${path} cannot be acquired; remove it when no velocity dev runs here`);
}

/**
 * Many may find the same stale lock. Only who holds the take-over file may replace it, and only
 * after a second look, so that nobody replaces the fresh lock of somebody quicker.
 */
async function takeOver(options: {
  readonly path: string;
  readonly candidate: string;
  readonly stale: LockHolder;
}): Promise<boolean> {
  const { path, candidate, stale } = options;
  const permission = `${path}.takeover`;
  if (!(await linkUnlessThere(candidate, permission))) {
    const other = await readHolder(permission);
    if (other !== undefined && !(await isRunning(other.identity))) {
      await rm(permission, { force: true });
    }
    return false;
  }
  try {
    const seen = await readHolder(path);
    if (seen === undefined || !isSame(seen, stale)) return false;
    // A rename would do nothing here: both names are links to one file.
    const replacement = `${candidate}.new`;
    await copyFile(candidate, replacement);
    await rename(replacement, path);
    return true;
  } finally {
    await rm(permission, { force: true });
  }
}

function isSame(a: LockHolder, b: LockHolder): boolean {
  return a.identity.pid === b.identity.pid && a.identity.startMark === b.identity.startMark;
}

function lockOf(path: string, holder: LockHolder): Lock {
  return {
    announce: (apiUrl) => writeJsonFile(path, { ...holder, apiUrl } satisfies LockHolder),
    release: () => rm(path, { force: true }),
  };
}

function heldBy(holder: LockHolder): LockHeldError {
  const where = holder.apiUrl === undefined ? 'still starting' : `API ${holder.apiUrl}`;
  return new LockHeldError(
    `velocity dev already runs in this folder: pid ${holder.identity.pid}, ` +
      `since ${holder.since}, ${where}`,
  );
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockHolder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} is damaged; remove it when no velocity dev runs here`, {
      cause: error,
    });
  }
}
