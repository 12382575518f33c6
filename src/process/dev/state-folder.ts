import { randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { getServerUser, isReachable, makeReachableHome, reachableHome } from './server-user.ts';

const folderName = '.velocity';
/** Keeps the folder out of Git, and tells one that this program made from any other. */
const markerName = '.gitignore';
const markerText = '# State of `velocity dev`; removed by `velocity dev --fresh`.\n*\n';
/** A longer log is put aside (one old one is kept) when the next run starts. */
const logBytesMax = 16 * 1024 * 1024;

/** Where `velocity dev` keeps its state, in the folder it was started in. */
export interface StateFolder {
  readonly path: string;
  readonly lock: string;
  readonly children: string;
  readonly secrets: string;
  readonly ports: string;
  /** What runs now and where: for people and programs. */
  readonly report: string;
  readonly postgres: string;
  readonly temporal: string;
  readonly logs: string;
}

/** Makes the folder when it is missing; refuses one that something else made. */
export async function openStateFolder(cwd: string): Promise<StateFolder> {
  const path = resolve(cwd, folderName);
  const folder: StateFolder = {
    path,
    lock: join(path, 'lock'),
    children: join(path, 'children.json'),
    secrets: join(path, 'secrets.json'),
    ports: join(path, 'ports.json'),
    report: join(path, 'dev.json'),
    postgres: join(path, 'postgres'),
    temporal: join(path, 'temporal.db'),
    logs: join(path, 'logs'),
  };
  const isRoot = process.getuid?.() === 0;
  await mkdir(path, { recursive: true });
  const marker = join(path, markerName);
  const entries = await readdir(path);
  if (entries.length > 0 && (await readFile(marker, 'utf8').catch(() => '')) !== markerText) {
    throw new Error(
      `${path} was not made by velocity dev (its ${markerName} is not ours); ` +
        'move it away or start in another folder',
    );
  }
  await writeFile(marker, markerText);
  // The user that PostgreSQL runs as under root must pass through; every file is closed to it.
  await chmod(path, isRoot ? 0o711 : 0o700);
  return folder;
}

/** Where the data really are, link or not. */
export async function findDataFolder(folder: StateFolder): Promise<string> {
  return realpath(folder.postgres).catch(() => folder.postgres);
}

/** Makes what a run writes to, and puts long logs aside. */
export async function prepareStateFolder(folder: StateFolder): Promise<void> {
  await mkdir(folder.logs, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder.logs)) {
    const log = join(folder.logs, name);
    if (name.endsWith('.log') && (await stat(log)).size > logBytesMax)
      await rename(log, `${log}.1`);
  }
}

/** Removes everything but the lock, which the caller holds. */
export async function wipeStateFolder(folder: StateFolder): Promise<void> {
  const target = await readlink(folder.postgres).catch(() => undefined);
  if (target?.startsWith(`${reachableHome}/`)) await rm(target, { recursive: true, force: true });
  for (const name of await readdir(folder.path)) {
    const path = join(folder.path, name);
    if (path !== folder.lock && name !== markerName)
      await rm(path, { recursive: true, force: true });
  }
}

/** The report names what runs now: it goes when nothing does. */
export async function forgetReport(folder: StateFolder): Promise<void> {
  await rm(folder.report, { force: true });
}

/**
 * Where the data are kept, for PostgreSQL, which may be unable to follow a link itself. Below a
 * folder that is closed to others (/root, say), the user that PostgreSQL runs as under root cannot
 * reach its data: they then live in /var/lib/velocity, and `.velocity/postgres` is a link to them.
 */
export async function placeDataFolder(folder: StateFolder): Promise<string> {
  const path = folder.postgres;
  const user = await getServerUser();
  if (user !== undefined && !(await exists(path)) && !(await isReachable(path, user))) {
    // Never derived from the path: a folder that was moved keeps its data, a new one in its place
    // must not find them.
    const target = join(reachableHome, `data-${randomUUID()}`);
    await makeReachableHome();
    await mkdir(target, { recursive: true, mode: 0o700 });
    await chown(target, user.uid, user.gid);
    await symlink(target, path);
  }
  return findDataFolder(folder);
}

/** Undefined when the file does not exist; a file that is not JSON is an error. */
export async function readJsonFile<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error(`${path} is damaged; --fresh starts over`, { cause });
  }
}

/** Whole or not at all, and readable by its owner only. */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(partial, path);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
