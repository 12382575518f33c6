import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import { outputOf } from '../connect.ts';
import { findContext } from '../contexts.ts';
import { example } from '../help.ts';
import { cell, printData } from '../output.ts';

export function contextShowCommand(cli: Cli): Command {
  return new Command('show')
    .description('the context that commands here would use, and why')
    .addHelpText('after', example('velocity context show'))
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { name, url, apiKey, namespace, signIn, source } = await findContext(
        cli.config,
        cli.workingDirectory,
        { url: options.url, apiKey: options.apiKey, name: options.context },
      );
      const signedInAt = signIn?.tokens === undefined ? undefined : signIn.issuer;
      const shown = { name, url, apiKey: maskKey(apiKey), signedInAt, namespace, source };
      printData(cli, outputOf(command), shown, () => ({
        head: ['FIELD', 'VALUE'],
        rows: Object.entries(shown).map(([field, value]) => [field, cell(value)]),
      }));
    });
}

/** `vel_dev_Ab3x…`: enough to tell keys apart, too little to use one. */
function maskKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  const [label = ''] = /^vel_[a-z0-9]+_.{4}/.exec(key) ?? [];
  return `${label}…`;
}
