import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { environment } from '../../config.ts';
import type { DevConsole } from './console.ts';
import { summariseLogLine } from './log-line.ts';
import type { OnSpawn, StopStep } from './process-identity.ts';
import { findProcess, stopProcess } from './process-identity.ts';
import type { Running } from './supervisor.ts';

/** Longer than the 30 s that a drain may take. */
const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 35_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

export interface VelocityChildOptions {
  readonly name: 'api' | 'operator' | 'worker';
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly console: DevConsole;
  readonly onSpawn: OnSpawn;
}

/**
 * Starts `velocity {name}` with the Node and the code that run this process. It gets a session of
 * its own, so that a Ctrl-C reaches only this process, which stops its children in order.
 */
export async function startVelocityChild(options: VelocityChildOptions): Promise<Running> {
  const child = spawn(process.execPath, [...process.execArgv, mainFile(), options.name], {
    env: { ...environment(), ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => log.end(() => resolve()));
    child.once('error', () => resolve());
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`);
      const summary = summariseLogLine(line);
      if (summary !== undefined) options.console.log(options.name, summary);
    });
  }
  const identity = child.pid === undefined ? undefined : await findProcess(child.pid);
  if (identity === undefined) {
    await exited;
    throw new Error(`velocity ${options.name} did not start; see ${options.logFile}`);
  }
  await options.onSpawn(identity);
  return {
    identity,
    exited,
    stop: async () => {
      await stopProcess(identity, stopSteps);
      await exited;
    },
  };
}

/** `src/main.ts` in a work tree, `dist/main.js` in the package. */
function mainFile(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../main.${extension}`, import.meta.url));
}
