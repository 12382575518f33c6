import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface ApiProcess {
  /** Undefined when it ended before it listened. */
  readonly url: string | undefined;
  readonly log: readonly Record<string, unknown>[];
  readonly stderr: readonly string[];
  readonly exited: Promise<number | string>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/**
 * `velocity api` as its users run it, on a port of its own; resolves once it listens or has ended. Rates
 * are limited only where a test says so: others send as much as they can.
 */
export async function spawnApi(env: Record<string, string>): Promise<ApiProcess> {
  const child = spawn(process.execPath, [mainFile, 'api'], {
    env: { ...process.env, VELOCITY_PORT: '0', VELOCITY_RATE_LIMIT: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Record<string, unknown>[] = [];
  const stderr: string[] = [];
  const started = Promise.withResolvers<string | undefined>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    log.push(entry);
    if (entry['msg'] === 'process.started') started.resolve(String(entry['address']));
  });
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
  const exited = once(child, 'close').then(([code, signal]) => {
    started.resolve(undefined);
    return (signal ?? code) as number | string;
  });
  const url = await started.promise;
  return { url, log, stderr, exited, kill: (signal) => void child.kill(signal) };
}
