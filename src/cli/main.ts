import { randomUUID } from 'node:crypto';
import { readCliConfig } from '../config.ts';
import type { Cli, Screen } from './cli.ts';
import { runCli } from './run-cli.ts';

/** Width assumed where there is no terminal to ask; only help texts depend on it. */
const columnsWithoutTerminal = 100;

/** The command line on this process's own streams. */
export async function run(argv: string[]): Promise<number> {
  // `velocity query … | head` closes the pipe early: that is no error, and there is nothing to say.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const cli: Cli = {
    config: readCliConfig(),
    workingDirectory: process.cwd(),
    stdin: process.stdin,
    stdout: screen(process.stdout),
    stderr: screen(process.stderr),
    now: Date.now,
    newId: randomUUID,
    onInterrupt: (callback) => {
      process.on('SIGINT', callback);
      return () => process.off('SIGINT', callback);
    },
    cleanups: [],
    exitCode: 0,
  };
  return runCli(argv, cli);
}

/** A terminal that does not know its width (0) is drawn on like a pipe: bars and spinners need it. */
function screen(stream: NodeJS.WriteStream): Screen {
  const isTty = stream.isTTY && stream.columns > 0;
  return { stream, isTty, columns: isTty ? stream.columns : columnsWithoutTerminal };
}
