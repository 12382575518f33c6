import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createConsole } from '../../../src/process/dev/console.ts';
import type { ChildName } from '../../../src/process/dev/leftovers.ts';
import type { OnSpawn } from '../../../src/process/dev/process-identity.ts';
import { findProcess, isRunning, stopProcess } from '../../../src/process/dev/process-identity.ts';
import type { Running } from '../../../src/process/dev/supervisor.ts';
import { createSupervisor } from '../../../src/process/dev/supervisor.ts';
import { until } from '../../support/until.ts';

/** Any program that waits to be told to end. */
async function startSleeper(
  onSpawn: OnSpawn,
  onStop: () => void = () => undefined,
): Promise<Running> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const exited = once(child, 'exit').then(() => undefined);
  const identity = await findProcess(child.pid ?? 0);
  if (identity === undefined) throw new Error('sleep did not start');
  await onSpawn(identity);
  return {
    identity,
    exited,
    stop: async () => {
      onStop();
      await stopProcess(identity, [{ signal: 'SIGTERM', waitMs: 5_000 }]);
      await exited;
    },
  };
}

function supervise() {
  const recorded: { name: ChildName; running: number }[] = [];
  const printed: string[] = [];
  const supervisor = createSupervisor({
    console: createConsole((text) => printed.push(text)),
    record: {
      set: async (name, { pid }) => void recorded.push({ name, running: pid }),
      clear: async () => undefined,
    },
  });
  return { supervisor, recorded, printed };
}

describe('supervisor of velocity dev', () => {
  it('starts a child again that ends by itself, and records the new one', async () => {
    const { supervisor, recorded, printed } = supervise();
    await supervisor.start('api', (onSpawn) => startSleeper(onSpawn));
    process.kill(recorded[0]?.running ?? 0, 'SIGKILL');
    await until(async () => recorded.length === 2, 5_000);
    expect(printed.join('')).toContain('ended unexpectedly; starts again in 0.5 s');
    await supervisor.stop();
    const last = await findProcess(recorded[1]?.running ?? 0);
    expect(last).toBeUndefined();
  });

  it('stops whoever asks before whoever answers', async () => {
    const { supervisor } = supervise();
    const stopped: string[] = [];
    for (const name of ['postgres', 'temporal', 'worker', 'operator', 'api'] as const) {
      await supervisor.start(name, (onSpawn) => startSleeper(onSpawn, () => stopped.push(name)));
    }
    await supervisor.stop();
    expect([...new Set(stopped)]).toEqual(['api', 'operator', 'worker', 'temporal', 'postgres']);
  });

  it('leaves nothing behind when it is stopped while a child is starting again', async () => {
    const { supervisor, recorded } = supervise();
    const started: Running[] = [];
    await supervisor.start('worker', async (onSpawn) => {
      const running = await startSleeper(onSpawn);
      started.push(running);
      return running;
    });
    process.kill(recorded[0]?.running ?? 0, 'SIGKILL');
    await started[0]?.exited;
    await supervisor.stop();
    for (const { identity } of started) expect(await isRunning(identity)).toBe(false);
  });
});
