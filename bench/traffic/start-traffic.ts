import { fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrafficAnswer, TrafficLog, TrafficOptions, TrafficRequest } from './messages.ts';

const program = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Failures that are kept in words; all are counted. */
const keptMax = 50;

export interface Traffic {
  /** What was not answered as it should be, so far: the first of them in words. */
  readonly failures: readonly string[];
  failureCount(): number;
  /** Lets what is under way finish. */
  stop(): Promise<TrafficLog>;
}

/** Readers and writers in a process of their own; resolves once they have begun. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const child = fork(program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const failures: string[] = [];
  let failureCount = 0;
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const ended = (code: number | null): void => {
    const error = new Error(`the traffic ended with ${code}: ${failures.at(-1) ?? ''}`);
    started.reject(error);
    stopped.reject(error);
  };
  stopped.promise.catch(() => {});
  child.on('exit', ended);
  child.on('message', (answer: TrafficAnswer) => {
    if (answer.type === 'started') started.resolve();
    if (answer.type === 'stopped') stopped.resolve();
    if (answer.type !== 'failure') return;
    failureCount++;
    if (failures.length < keptMax) failures.push(answer.message);
  });
  const tell = (message: TrafficRequest): void => void child.send(message);
  tell({ type: 'start', options });
  await started.promise;
  return {
    failures,
    failureCount: () => failureCount,
    stop: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'velocity-traffic-'));
      try {
        const file = join(folder, 'log.json');
        tell({ type: 'stop', file });
        await stopped.promise;
        child.off('exit', ended);
        child.disconnect();
        return JSON.parse(await readFile(file, 'utf8')) as TrafficLog;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
