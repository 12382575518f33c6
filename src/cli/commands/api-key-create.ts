import { Command, Option } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { requireNamespace } from '../namespace-option.ts';
import { collect, collectNames } from '../option-values.ts';
import { printData } from '../output.ts';
import type { ScopeOptions } from '../scope-options.ts';
import { scopeOf } from '../scope-options.ts';

interface CreateOptions extends ScopeOptions {
  readonly namespace?: string;
  readonly actor?: string;
  readonly actorType?: string;
  readonly env?: string;
  readonly allow?: string[];
  readonly expiry?: string;
}

interface IssuedKey {
  readonly key: string;
}

export function apiKeyCreateCommand(cli: Cli): Command {
  return new Command('create')
    .description('make a key, or issue the one that a manifest asks for; it is shown once')
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'the domain: ORG-APP-DOMAIN')
    .option('--actor <actor>', 'who it acts as: its roles are those of this actor (default: NAME)')
    .addOption(
      new Option('--actor-type <type>', 'what it is (default: service)').choices([
        'user',
        'service',
      ]),
    )
    .option('--env <name>', 'the word after vel_, by which people tell keys apart')
    .option('--schema <schema>', 'only for this schema (* for all)')
    .option('--operations <operations>', 'only these: read,create', collectNames)
    .option('--schema-version <version>', 'only for this version of it: v2')
    .option('--attribute <name=value>', 'only these values of an attribute (repeatable)', collect)
    .option('--read-fields <fields>', 'reads these and no others: number,status', collectNames)
    .option('--write-fields <fields>', 'writes these and no others: status', collectNames)
    .option('--allow <networks>', 'only from these, in CIDR form: 10.0.0.0/8', collectNames)
    .option('--expiry <time>', 'RFC 3339: 2027-01-31T00:00:00Z')
    .addHelpText(
      'after',
      '\nWhere a manifest declares the key, NAME and -n are enough: the rest is as it says.\n',
    )
    .addHelpText(
      'after',
      example(
        'velocity api-key create loader -n acme-travel-flights --actor loader',
        'export VELOCITY_API_KEY=$(velocity api-key create ci -n acme-travel-flights -o json | jq -r .key)',
      ),
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const { allow, expiry } = options;
      const scope = scopeOf(options);
      const answer = await api.send<Envelope<IssuedKey>>('POST', '/api/platform/api-keys', {
        body: {
          name,
          namespace: requireNamespace(options.namespace, context),
          ...(options.env !== undefined && { env: options.env }),
          ...(options.actor !== undefined && { actor: options.actor }),
          ...(options.actorType !== undefined && { actorType: options.actorType }),
          ...(scope !== undefined && { scopes: [scope] }),
          ...(allow && { ipAllowlist: allow }),
          ...(expiry !== undefined && { expiry }),
        },
      });
      const { data } = answer.body;
      printData(cli, output, data, () => data.key);
      remark(cli, 'Keep it: it is not shown again. Lost, it can only be revoked and made anew.');
    });
}
