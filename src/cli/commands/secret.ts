import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';

export function secretCommand(cli: Cli): Command {
  return new Command('secret')
    .description('set what manifests only refer to')
    .addCommand(secretSetCommand(cli))
    .addHelpText('after', example('velocity secret set idp --key client-secret < secret.txt'));
}

/** The value comes by the standard input: arguments are seen by everybody who lists processes. */
function secretSetCommand(cli: Cli): Command {
  return new Command('set')
    .description('set one key of a secret, from the standard input')
    .argument('<name>')
    .requiredOption('--key <key>', 'key within the secret')
    .option('-n, --namespace <namespace>', 'of what refers to it')
    .addHelpText(
      'after',
      example('velocity secret set idp --key client-secret -n acme-travel-flights < secret.txt'),
    )
    .action(
      async (name: string, options: { key: string; namespace?: string }, command: Command) => {
        const { api, context, output } = await connect(cli, command);
        const namespace = options.namespace ?? context.namespace;
        if (namespace === undefined) throw usageFailure('a namespace is missing', 'Give -n.');
        // An editor or echo ends the line; no secret does.
        const value = (await text(cli.stdin)).replace(/\r?\n$/, '');
        const path = [namespace, name, options.key].map(encodeURIComponent).join('/');
        await api.send('PUT', `/api/platform/secrets/${path}`, { body: { value } });
        printData(
          cli,
          output,
          { namespace, name, key: options.key, set: true },
          () => `${namespace}/${name}: ${options.key} set`,
        );
      },
    );
}
