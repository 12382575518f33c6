import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment } from '../../src/config.ts';
import { readCpuSeconds, readRssKb } from './proc.ts';

const readyWithinMs = 20_000;
const readyPollMs = 50;
const sampleMs = 200;

export interface Service {
  readonly name: string;
  readonly port: number;
  /** The largest resident set seen since the start, in MB. */
  peakRssMb(): number;
  /** CPU seconds used so far. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Its log goes to this file, as it would in production. */
  readonly logFile: string;
}

/**
 * A service in a process of its own; resolves once /healthz answers. It is started a second time
 * for good: from then on Node has its modules compiled and needs no TypeScript compiler.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const first = await startOnce(options);
  await first.stop();
  return startOnce(options);
}

async function startOnce(options: ServiceOptions): Promise<Service> {
  const { name, port } = options;
  const log = await open(options.logFile, 'a');
  const child = spawn(options.program, [...options.args], {
    env: { ...environment(), ...options.env },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const exited = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started`);
  let peakKb = 0;
  const timer = setInterval(() => {
    void readRssKb(pid).then((kb) => {
      peakKb = Math.max(peakKb, kb);
    });
  }, sampleMs);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    child.kill('SIGTERM');
    await exited;
  };
  for (const deadline = performance.now() + readyWithinMs; ; await sleep(readyPollMs)) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok === true) break;
    if (child.exitCode === null && performance.now() < deadline) continue;
    await stop();
    const told = await readFile(options.logFile, 'utf8');
    throw new Error(`${name} did not start:\n${told.slice(-2_000)}`);
  }
  return {
    name,
    port,
    peakRssMb: () => peakKb / 1_024,
    cpuSeconds: () => readCpuSeconds(pid),
    stop,
  };
}
