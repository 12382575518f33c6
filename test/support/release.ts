import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const shipped = ['src', 'migrations', 'crds', 'temporal', 'bin', 'package.json'];

/** A tree of Velocity: the one at hand, or an earlier release's. */
export interface Release {
  run(command: string[], env: Env): Promise<string>;
  /** Resolves once the process says that it has started. */
  start(command: 'api' | 'worker' | 'operator', env: Env): Promise<ReleaseProcess>;
}

export interface ReleaseProcess {
  /** Where an API listens. */
  readonly address: string;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string>;
}

type Env = Readonly<Record<string, string>>;

export const thisRelease: Release = releaseAt(root);

/** A release puts its own commit there, so that the next one is tried over it. */
export async function previousRelease(): Promise<string> {
  return (await readFile(join(root, 'test/fixtures/previous-release'), 'utf8')).trim();
}

export async function commitBefore(): Promise<string> {
  return 'HEAD^';
}

/** That commit, unpacked; undefined where this clone does not have it, as a shallow one may not. */
export async function unpackRelease(commit: string, folder: string): Promise<Release | undefined> {
  const known = await execute('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root }).then(
    () => true,
    () => false,
  );
  if (!known) return undefined;
  await mkdir(folder, { recursive: true });
  const archive = join(folder, 'release.tar');
  await execute('git', ['archive', '-o', archive, commit, ...shipped], { cwd: root });
  await execute('tar', ['-xf', archive, '-C', folder]);
  await rm(archive);
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return releaseAt(folder);
}

function releaseAt(folder: string): Release {
  const main = join(folder, 'src/main.ts');
  return {
    run: async (command, env) =>
      (await execute(process.execPath, [main, ...command], { env: { ...process.env, ...env } }))
        .stdout,
    start: async (command, env) => {
      const child = spawn(process.execPath, [main, command], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const said: string[] = [];
      const started = Promise.withResolvers<string>();
      started.promise.catch(() => undefined);
      createInterface({ input: child.stdout }).on('line', (line) => {
        said.push(line);
        const entry = line.startsWith('{') ? JSON.parse(line) : {};
        if (entry.msg === 'process.started') started.resolve(String(entry.address));
      });
      createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
      const exited = once(child, 'exit').then(([code, signal]) => {
        started.reject(new Error(`${command} ended:\n${said.slice(-20).join('\n')}`));
        return (signal ?? code) as number | string;
      });
      return {
        address: await started.promise,
        end: (signal) => {
          child.kill(signal);
          return exited;
        },
      };
    },
  };
}
