import { Argument, Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { revocationsPath } from '../revocations-api.ts';

export function authRestoreCommand(cli: Cli): Command {
  return new Command('restore')
    .description('let an actor, a token or a session in again; a key stays revoked')
    .addArgument(new Argument('<kind>').choices(['actor', 'token', 'session']))
    .argument('<id>', 'as it was revoked')
    .option('--organisation <name>', 'another than your own: for the platform’s administrator')
    .addHelpText('after', example('velocity auth restore actor alice'))
    .action(
      async (kind: string, id: string, options: { organisation?: string }, command: Command) => {
        const { api, output } = await connect(cli, command);
        const path = [kind, id].map(encodeURIComponent).join('/');
        await api.send('DELETE', `${revocationsPath}/${path}`, {
          query: { organisation: options.organisation },
        });
        printData(cli, output, { kind, id, restored: true }, () => `${kind} ${id} restored`);
      },
    );
}
