import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { CliConfig } from '../config.ts';

/** One stream of the terminal; `columns` and colour exist only when a person is looking. */
export interface Screen {
  readonly stream: Writable;
  readonly isTty: boolean;
  readonly columns: number;
}

/** Everything a command may touch, handed in so that tests run commands in this process. */
export interface Cli {
  readonly config: CliConfig;
  readonly workingDirectory: string;
  readonly stdin: Readable;
  readonly stdout: Screen;
  readonly stderr: Screen;
  now(): number;
  newId(): string;
  /** Called back on each Ctrl-C for as long as the returned function has not been called. */
  onInterrupt(callback: () => void): () => void;
  /** Run once, when the command has ended, however it ended. */
  readonly cleanups: (() => Promise<void>)[];
  /** What the process ends with when the command itself did not fail. */
  exitCode: number;
}

export function print(cli: Cli, text: string): void {
  cli.stdout.stream.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** A remark for the person, never part of what a script reads. */
export function remark(cli: Cli, text: string): void {
  cli.stderr.stream.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** For output without end: waits while the reader of the pipe is slower than the API. */
export async function write(cli: Cli, text: string): Promise<void> {
  if (!cli.stdout.stream.write(text)) await once(cli.stdout.stream, 'drain');
}
