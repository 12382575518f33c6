import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { outputOf } from '../connect.ts';
import { contextFilePath, devContextName, findDevContext, readContextFile } from '../contexts.ts';
import { example } from '../help.ts';
import { cell, printData } from '../output.ts';

export function contextListCommand(cli: Cli): Command {
  return new Command('list')
    .description('known contexts; * marks the current one')
    .addHelpText('after', example('velocity context list'))
    .action(async (_: unknown, command: Command) => {
      const file = await readContextFile(contextFilePath(cli.config));
      const contexts = Object.entries(file.contexts).map(([name, { url, namespace }]) => ({
        name,
        url,
        ...(namespace === undefined ? {} : { namespace }),
        current: name === (cli.config.contextName ?? file.current),
      }));
      const dev = await findDevContext(cli.workingDirectory);
      if (dev !== undefined && !contexts.some(({ name }) => name === devContextName)) {
        const current = !contexts.some((context) => context.current);
        contexts.push({ name: devContextName, url: dev.url, current });
      }
      printData(cli, outputOf(command), contexts, () => ({
        head: ['', 'NAME', 'URL', 'NAMESPACE'],
        rows: contexts.map((context) => [
          context.current ? '*' : '',
          context.name,
          context.url,
          cell('namespace' in context ? context.namespace : undefined),
        ]),
        empty: 'there is no context yet: velocity context set NAME --url URL --api-key -',
      }));
    });
}
