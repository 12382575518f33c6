import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessIdentity, StopStep } from './process-identity.ts';
import { commandLineOf, findProcess, isRunning, stopProcess } from './process-identity.ts';
import type { StateFolder } from './state-folder.ts';
import { findDataFolder, readJsonFile, writeJsonFile } from './state-folder.ts';

/** In the order in which they are stopped: whoever asks goes before whoever answers. */
export const stopOrder = ['api', 'operator', 'worker', 'temporal', 'postgres'] as const;
export type ChildName = (typeof stopOrder)[number];

const terminateThenKill: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];
/** Fast, then immediate: nobody is left who could finish their work. */
const stopPostgres: readonly StopStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

/** Its command line may be another by now: one that is started through `nice` becomes what that runs. */
interface RecordedChild {
  readonly identity: ProcessIdentity;
}

type RecordedChildren = Partial<Record<ChildName, RecordedChild>>;

export interface ChildRecord {
  set(name: ChildName, identity: ProcessIdentity): Promise<void>;
  clear(): Promise<void>;
}

/** Keeps a note of every child on disk, so that the next run finds those that outlived this one. */
export function openChildRecord(folder: StateFolder): ChildRecord {
  let children: RecordedChildren = {};
  let lastWrite: Promise<void> = Promise.resolve();
  return {
    set: async (name, identity) => {
      children = { ...children, [name]: { identity } };
      const snapshot = children;
      lastWrite = lastWrite.then(() => writeJsonFile(folder.children, snapshot));
      await lastWrite;
    },
    clear: () => rm(folder.children, { force: true }),
  };
}

/** Stops what a killed run left behind; answers the names of what it had to stop. */
export async function stopLeftovers(folder: StateFolder): Promise<ChildName[]> {
  const recorded = (await readJsonFile<RecordedChildren>(folder.children)) ?? {};
  const stopped: ChildName[] = [];
  for (const name of stopOrder) {
    const child =
      recorded[name] ?? (name === 'postgres' ? await findPostmaster(folder) : undefined);
    if (child === undefined || !(await isRunning(child.identity))) continue;
    const steps = name === 'postgres' ? stopPostgres : terminateThenKill;
    if (!(await stopProcess(child.identity, steps))) {
      throw new Error(`${name} of an earlier run (pid ${child.identity.pid}) does not end`);
    }
    stopped.push(name);
  }
  await rm(folder.children, { force: true });
  await removeForeignPidFile(folder);
  return stopped;
}

/** Started but killed before it was recorded: PostgreSQL's own file names it. */
async function findPostmaster(folder: StateFolder): Promise<RecordedChild | undefined> {
  const pid = await readPostmasterPid(folder);
  const identity = pid === undefined ? undefined : await findProcess(pid);
  if (identity === undefined) return undefined;
  const folderOption = `-D ${await findDataFolder(folder)}`;
  const isOurs = (await commandLineOf(identity.pid)).includes(folderOption);
  return isOurs ? { identity } : undefined;
}

/**
 * PostgreSQL removes the file of a dead server itself, but refuses to start when the number has
 * since been given to another process of the same user; then the file is removed here. A server
 * that is alive was stopped above, so whoever has the number now is somebody else.
 */
async function removeForeignPidFile(folder: StateFolder): Promise<void> {
  const pid = await readPostmasterPid(folder);
  if (pid === undefined || (await findProcess(pid)) === undefined) return;
  await rm(join(folder.postgres, 'postmaster.pid'), { force: true });
}

async function readPostmasterPid(folder: StateFolder): Promise<number | undefined> {
  const text = await readFile(join(folder.postgres, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}
