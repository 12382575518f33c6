import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { tableOfResources } from '../resource-table.ts';
import { listResources } from '../resources-api.ts';

export function apiKeyListCommand(cli: Cli): Command {
  return new Command('list')
    .description('API keys, without their secrets: nobody has those')
    .option('-n, --namespace <namespace>', 'only there')
    .addHelpText('after', example('velocity api-key list -n acme-travel-flights'))
    .action(async (options: { namespace?: string }, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = options.namespace ?? context.namespace;
      const keys = await listResources(api, 'ApiKey', namespace);
      printData(cli, output, keys, () => tableOfResources('ApiKey', keys, cli.now()));
    });
}
