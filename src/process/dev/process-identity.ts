import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How often a process that was told to end is looked at again. */
const exitPollMs = 25;

/**
 * One process, told apart from a later one that was given the same number: `startMark` is the
 * boot's id and the start time in clock ticks on Linux, the start time in seconds elsewhere.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startMark: string;
}

/** Notes a process as soon as it exists. */
export type OnSpawn = (identity: ProcessIdentity) => Promise<void>;

/** The identity of a running process; undefined when there is none (a zombie has already ended). */
export async function findProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const startMark = process.platform === 'linux' ? await linuxMark(pid) : await portableMark(pid);
  return startMark === undefined ? undefined : { pid, startMark };
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await findProcess(identity.pid))?.startMark === identity.startMark;
}

/** The command line, arguments separated by spaces; empty when the process is gone. */
export async function commandLineOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    }
    return (await execute('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout.trim();
  } catch {
    return '';
  }
}

export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** Sends one signal after the other, each with its time to take effect, until the process is gone. */
export async function stopProcess(
  identity: ProcessIdentity,
  steps: readonly StopStep[],
): Promise<boolean> {
  for (const { signal, waitMs } of steps) {
    if (!(await isRunning(identity))) return true;
    signalProcess(identity.pid, signal);
    if (await waitForExit(identity, waitMs)) return true;
  }
  return !(await isRunning(identity));
}

async function waitForExit(identity: ProcessIdentity, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (performance.now() < deadline) {
    if (!(await isRunning(identity))) return true;
    await sleep(exitPollMs);
  }
  return false;
}

/** A process that ended between the look and the signal is no failure. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** proc(5): after the command's closing bracket come the state and, 19 fields on, the start time. */
async function linuxMark(pid: number): Promise<string | undefined> {
  try {
    const [stat, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
    return `${bootId.trim()}/${startTicks}`;
  } catch {
    return undefined;
  }
}

async function portableMark(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await execute('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
    });
    const [state, ...started] = stdout.trim().split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}
