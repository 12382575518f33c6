import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { onTestFinished } from 'vitest';
import type { Cli } from '../../../src/cli/cli.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { runCli } from '../../../src/cli/run-cli.ts';
import type { CliConfig } from '../../../src/config.ts';

export interface RunOptions {
  readonly folder?: string;
  readonly config?: Partial<CliConfig>;
  readonly stdin?: string;
  readonly tty?: boolean;
  readonly now?: () => number;
  /** Called with what the command writes there, while it runs. */
  readonly onStderr?: (text: string) => void;
  /** Called with what a Ctrl-C would do, once something listens for it. */
  readonly onInterruptible?: (interrupt: () => void) => void;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own, gone when the test has ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'velocity-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The whole command line in this process, with nothing of this machine's environment in it. */
export async function runVelocity(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const folder = options.folder ?? (await temporaryFolder());
  const stdout = memory();
  const stderr = memory(options.onStderr);
  const cli = createCli(folder, { stdout: stdout.stream, stderr: stderr.stream }, options);
  const exitCode = await runCli(argv, cli);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** The full name of every command: `record`, `record create` … */
export function commandNames(): string[] {
  const { stream } = memory();
  const namesBelow = (command: Command, before: string): string[] =>
    command.commands.flatMap((one) => {
      const name = `${before} ${one.name()}`.trim();
      return [name, ...namesBelow(one, name)];
    });
  return namesBelow(buildProgram(createCli('/', { stdout: stream, stderr: stream }, {})), '');
}

function createCli(
  folder: string,
  streams: { stdout: Writable; stderr: Writable },
  options: RunOptions,
): Cli {
  const isTty = options.tty === true;
  return {
    config: {
      configDirectory: join(folder, 'config'),
      noColour: false,
      contextName: undefined,
      apiUrl: undefined,
      apiKey: undefined,
      ...options.config,
    },
    workingDirectory: folder,
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: { stream: streams.stdout, isTty, columns: 80 },
    stderr: { stream: streams.stderr, isTty, columns: 80 },
    now: options.now ?? Date.now,
    newId: () => crypto.randomUUID(),
    onInterrupt: (callback) => {
      options.onInterruptible?.(callback);
      return () => {};
    },
    cleanups: [],
    exitCode: 0,
  };
}

function memory(onText?: (text: string) => void): { stream: Writable; text(): string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      onText?.(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}
