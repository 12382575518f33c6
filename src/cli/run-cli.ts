import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure, describeFailure } from './failures.ts';
import { allCommands, buildProgram } from './program.ts';

/** Runs one command line and answers its exit code. Bugs are thrown, expected failures printed. */
export async function runCli(argv: readonly string[], cli: Cli): Promise<number> {
  const program = buildProgram(cli);
  for (const command of allCommands(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({
        writeOut: (text) => cli.stdout.stream.write(text),
        writeErr: (text) => cli.stderr.stream.write(text),
        getOutHelpWidth: () => Math.min(cli.stdout.columns, 100),
        getErrHelpWidth: () => Math.min(cli.stderr.columns, 100),
        getOutHasColors: () => false,
        getErrHasColors: () => false,
        outputError: (text, write) =>
          write(
            `${text.trimEnd()}\n  hint: ${helpFor(
              argv,
              program.commands.map((one) => one.name()),
            )}\n`,
          ),
      });
  }
  try {
    // Nothing typed is a wish for orientation, not a mistake.
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (!(error instanceof CommandFailure)) throw error;
    cli.stderr.stream.write(describeFailure(error));
    return error.exitCode;
  } finally {
    for (const cleanup of cli.cleanups.toReversed()) await cleanup();
  }
}

function helpFor(argv: readonly string[], names: readonly string[]): string {
  const command = argv.find((argument) => names.includes(argument));
  return `velocity ${command === undefined ? '' : `${command} `}--help`;
}
