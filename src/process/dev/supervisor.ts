import { setTimeout as sleep } from 'node:timers/promises';
import type { DevConsole } from './console.ts';
import type { ChildName, ChildRecord } from './leftovers.ts';
import { stopOrder } from './leftovers.ts';
import type { OnSpawn, ProcessIdentity } from './process-identity.ts';
import { stopProcess } from './process-identity.ts';

const restartDelayMinMs = 500;
const restartDelayMaxMs = 15_000;
/** After this long a crash is a new one and not the last one again. */
const stableAfterMs = 60_000;
const forcedExitMs = 5_000;

/** A child that has started. */
export interface Running {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** Calls `onSpawn` as soon as the process exists and resolves when it serves. */
export type StartChild = (onSpawn: OnSpawn) => Promise<Running>;

export interface Supervisor {
  /** Starts a child and from then on starts it again whenever it ends by itself. */
  start(name: ChildName, start: StartChild): Promise<void>;
  /** Stops every child, each only after those that depend on it. */
  stop(): Promise<void>;
  /** Kills what is left, at once. */
  kill(): Promise<void>;
}

interface Watched {
  running: Running | undefined;
  loop: Promise<void>;
}

export function createSupervisor(parts: {
  readonly record: ChildRecord;
  readonly console: DevConsole;
}): Supervisor {
  const children = new Map<ChildName, Watched>();
  const stopping = new AbortController();

  const startOnce = (name: ChildName, start: StartChild): Promise<Running> =>
    start((identity) => parts.record.set(name, identity));

  const keepRunning = async (name: ChildName, child: Watched, start: StartChild): Promise<void> => {
    let delayMs = restartDelayMinMs;
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      await child.running?.exited;
      if (stopping.signal.aborted) return;
      if (performance.now() - startedAt > stableAfterMs) delayMs = restartDelayMinMs;
      parts.console.log(name, `ended unexpectedly; starts again in ${delayMs / 1000} s`);
      if (!(await pause(delayMs, stopping.signal))) return;
      delayMs = Math.min(delayMs * 2, restartDelayMaxMs);
      try {
        child.running = await startOnce(name, start);
      } catch (error) {
        child.running = undefined;
        parts.console.log(name, error instanceof Error ? error.message : String(error));
      }
    }
  };

  return {
    start: async (name, start) => {
      const child: Watched = { running: await startOnce(name, start), loop: Promise.resolve() };
      children.set(name, child);
      child.loop = keepRunning(name, child, start);
    },
    stop: async () => {
      stopping.abort();
      for (const name of stopOrder) {
        const child = children.get(name);
        await child?.running?.stop();
        // A restart that was under way has put another one in its place.
        await child?.loop;
        await child?.running?.stop();
      }
    },
    kill: async () => {
      stopping.abort();
      await Promise.all(
        [...children].map(async ([name, child]) => {
          const signal = name === 'postgres' ? 'SIGQUIT' : 'SIGKILL';
          if (child.running === undefined) return;
          await stopProcess(child.running.identity, [
            { signal, waitMs: forcedExitMs },
            { signal: 'SIGKILL', waitMs: forcedExitMs },
          ]);
        }),
      );
    },
  };
}

/** False when it was cut short. */
async function pause(delayMs: number, signal: AbortSignal): Promise<boolean> {
  return sleep(delayMs, undefined, { signal }).then(
    () => true,
    () => false,
  );
}
