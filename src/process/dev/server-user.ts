import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.ts';

const execute = promisify(execFile);

/** PostgreSQL refuses to run as root; root runs it as the first of these users that exists. */
const candidateUsers = ['postgres', 'velocity'] as const;

/** Where root keeps what its server user cannot reach in place: below /root, for example. */
export const reachableHome = '/var/lib/velocity';

/** Open to pass through; what lies in it has owners and modes of its own. */
export async function makeReachableHome(): Promise<void> {
  await mkdir(reachableHome, { recursive: true });
  await chmod(reachableHome, 0o755);
}

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined when this process is not root: PostgreSQL then runs as whoever runs this. */
export async function getServerUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of candidateUsers) {
    const user = await lookUp(name);
    if (user !== undefined) return user;
  }
  const name = candidateUsers[1];
  try {
    await execute('useradd', ['--system', '--no-create-home', '--shell', '/bin/false', name]);
  } catch (cause) {
    throw new Error(
      `PostgreSQL does not run as root, and no user "${name}" could be made for it; ` +
        `create one (useradd --system ${name}) or start as an ordinary user`,
      { cause },
    );
  }
  const created = await lookUp(name);
  if (created === undefined) throw new Error(`user "${name}" was made but cannot be found`);
  return created;
}

async function lookUp(name: string): Promise<ServerUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([
      execute('id', ['-u', name]).then(({ stdout }) => Number.parseInt(stdout, 10)),
      execute('id', ['-g', name]).then(({ stdout }) => Number.parseInt(stdout, 10)),
    ]);
    return { uid, gid };
  } catch {
    return undefined;
  }
}

/** Whether `user` may pass through every folder above `path`. */
export async function isReachable(path: string, user: ServerUser): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The binaries themselves, or a copy of them where the server user can run them. */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
): Promise<PostgresBinaries> {
  if (user === undefined || (await isReachable(binaries.postgres, user))) return binaries;
  const { version } = JSON.parse(
    await readFile(join(binaries.home, '../package.json'), 'utf8'),
  ) as { version: string };
  const copy = join(reachableHome, `postgres-${version}`);
  if (!(await exists(copy))) await copyWhole(binaries.home, copy);
  const rebase = (path: string): string => join(copy, 'bin', basename(path));
  return { home: copy, initdb: rebase(binaries.initdb), postgres: rebase(binaries.postgres) };
}

/** A folder that only the server user enters; made when missing. */
export async function makeServerFolder(path: string, user: ServerUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Copied beside and renamed, so that a broken-off copy is never taken for a whole one. */
async function copyWhole(from: string, to: string): Promise<void> {
  const partial = `${to}.${process.pid}`;
  await makeReachableHome();
  await cp(from, partial, { recursive: true, verbatimSymlinks: true });
  try {
    await rename(partial, to);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(to))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
