import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { print } from '../cli.ts';
import { contextFilePath, devContextName, readContextFile, writeContextFile } from '../contexts.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';

export function contextUseCommand(cli: Cli): Command {
  return new Command('use')
    .description('make a context the current one')
    .argument('<name>')
    .addHelpText('after', example('velocity context use staging'))
    .action(async (name: string) => {
      const path = contextFilePath(cli.config);
      const file = await readContextFile(path);
      if (file.contexts[name] === undefined && name !== devContextName) {
        throw new CommandFailure(`there is no context "${name}"`, {
          exitCode: exitCodes.notFound,
          hint: `Known: ${[...Object.keys(file.contexts), devContextName].join(', ')}`,
        });
      }
      await writeContextFile(path, { ...file, current: name });
      print(cli, `${name} is the current context`);
    });
}
