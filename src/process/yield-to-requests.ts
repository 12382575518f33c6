import { execFileSync } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import type { Yielding } from '../config.ts';

const niceness: Readonly<Record<Yielding, number>> = {
  nice: constants.priority.PRIORITY_BELOW_NORMAL,
  idle: constants.priority.PRIORITY_LOW,
};

/** The policy SCHED_IDLE, which Node.js cannot ask for; where the system knows none, niceness stays. */
const beIdle = ['chrt', '--all-tasks', '--idle', '--pid', '0'] as const;

/**
 * Who works behind requests takes what they leave of a shared machine's cores; on a machine of its
 * own this changes nothing. Call it first: threads inherit it from whoever starts them.
 */
export function yieldToRequests(how: Yielding): void {
  try {
    if (getPriority() < niceness[how]) setPriority(niceness[how]);
    if (how === 'idle') runQuietly([...beIdle, String(process.pid)]);
  } catch {
    // A sandbox may forbid it, and a courtesy is no reason not to start.
  }
}

function runQuietly([file = '', ...args]: readonly string[]): void {
  execFileSync(file, args, { stdio: 'ignore' });
}

/** The same for a server that is not ours: the start of its command. */
export function yieldingCommand(how: Yielding): readonly [file: string, ...args: string[]] {
  const nice = ['nice', '-n', String(niceness[how])] as const;
  if (how === 'nice') return nice;
  return ['sh', '-c', `${beIdle.join(' ')} $$ 2>/dev/null; exec "$@"`, 'sh', ...nice];
}
