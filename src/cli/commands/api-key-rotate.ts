import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { locateResource } from '../resources-api.ts';

interface RotateOptions {
  readonly namespace?: string;
  readonly overlap?: string;
  readonly env?: string;
  readonly once?: string;
}

interface RotatedKey {
  readonly namespace: string;
  readonly name: string;
  /** Absent when the rotation had been made before. */
  readonly key?: string;
  readonly previousValidUntil: string;
}

export function apiKeyRotateCommand(cli: Cli): Command {
  return new Command('rotate')
    .description('give a key a new text; the one before counts for a while')
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .option('--overlap <duration>', 'how long the text before counts: 24h without it, 0s to 30d')
    .option('--env <name>', 'the word after vel_, by which people tell keys apart')
    .option('--once <word>', 'names this rotation: asked for again, it is not made again')
    .addHelpText(
      'after',
      example(
        'velocity api-key rotate loader -n acme-travel-flights --overlap 24h',
        'velocity api-key rotate loader --once "$(date +%Y-%m)"',
      ),
    )
    .action(async (name: string, options: RotateOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace =
        options.namespace ??
        context.namespace ??
        (await locateResource(api, 'ApiKey', name, undefined)).metadata.namespace;
      const path = [namespace, name].map(encodeURIComponent).join('/');
      const { overlap, env, once } = options;
      const answer = await api.send<Envelope<RotatedKey> & { warnings?: readonly string[] }>(
        'POST',
        `/api/platform/api-keys/${path}/rotate`,
        {
          headers: { 'idempotency-key': once },
          body: { ...(overlap !== undefined && { overlap }), ...(env !== undefined && { env }) },
        },
      );
      const { data, warnings = [] } = answer.body;
      printData(cli, output, data, () => data.key ?? `${namespace}/${name} was rotated before`);
      for (const warning of warnings) remark(cli, warning);
      remark(cli, `The text before counts until ${data.previousValidUntil}.`);
      if (data.key !== undefined) remark(cli, 'Keep this one: it is not shown again.');
    });
}
