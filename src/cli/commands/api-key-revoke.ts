import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { locateResource } from '../resources-api.ts';

export function apiKeyRevokeCommand(cli: Cli): Command {
  return new Command('revoke')
    .description('end a key at once, everywhere')
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', example('velocity api-key revoke loader -n acme-travel-flights'))
    .action(async (name: string, options: { namespace?: string }, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const given = options.namespace ?? context.namespace;
      const namespace =
        given ?? (await locateResource(api, 'ApiKey', name, undefined)).metadata.namespace;
      const path = [namespace, name].map(encodeURIComponent).join('/');
      await api.send('DELETE', `/api/platform/api-keys/${path}`);
      printData(
        cli,
        output,
        { namespace, name, revoked: true },
        () => `${namespace}/${name} revoked`,
      );
    });
}
