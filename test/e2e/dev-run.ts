import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessIdentity } from '../../src/process/dev/process-identity.ts';
import { isRunning } from '../../src/process/dev/process-identity.ts';
import type { DevReport } from '../../src/process/dev/report.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../bin/velocity.mjs', import.meta.url));

/** One `velocity dev`, run as a person runs it. */
export interface DevRun {
  readonly report: DevReport;
  readonly process: ChildProcess;
  /** Everything printed so far. */
  readonly output: () => string;
  readonly children: () => Promise<ProcessIdentity[]>;
  /** Sends the signal and answers the exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
  /** Ends the run and every child of it at once, as a crash of the machine would. */
  readonly crash: () => Promise<void>;
}

export interface Started {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly exitCode: Promise<number | null>;
}

/** Starts the program in a folder, in a session of its own. Its tests ask as often as they like. */
export function startProgram(cwd: string, args: readonly string[]): Started {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...process.env, VELOCITY_RATE_LIMIT: 'off' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, output: () => output, exitCode };
}

/** Starts `velocity dev` and waits until it says that it is ready. */
export async function startDev(cwd: string, args: readonly string[]): Promise<DevRun> {
  // Temporary folders are closed to others; PostgreSQL runs as another user when root runs this.
  await chmod(cwd, 0o711);
  const started = startProgram(cwd, ['dev', ...args]);
  let ended = false;
  void started.exitCode.then(() => {
    ended = true;
  });
  await until(async () => {
    if (ended) throw new Error(`velocity dev ended:\n${started.output()}`);
    return started.output().includes('ready after');
  }, 120_000);
  const folder = join(cwd, '.velocity');
  const children = async (): Promise<ProcessIdentity[]> => {
    const text = await readFile(join(folder, 'children.json'), 'utf8');
    const recorded = JSON.parse(text) as Record<string, { identity: ProcessIdentity }>;
    return Object.values(recorded).map(({ identity }) => identity);
  };
  return {
    report: JSON.parse(await readFile(join(folder, 'dev.json'), 'utf8')) as DevReport,
    process: started.process,
    output: started.output,
    children,
    end: async (signal) => {
      started.process.kill(signal);
      return started.exitCode;
    },
    crash: async () => {
      const all = await children();
      started.process.kill('SIGKILL');
      for (const { pid } of all) process.kill(pid, 'SIGKILL');
      await started.exitCode;
      await until(async () => (await anyRunning(all)) === false, 10_000);
    },
  };
}

export async function anyRunning(identities: readonly ProcessIdentity[]): Promise<boolean> {
  return (await Promise.all(identities.map(isRunning))).includes(true);
}
