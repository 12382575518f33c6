import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import type { SchemaDrift, VersionDrift } from '../drift-view.ts';
import { describeVersion } from '../drift-view.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import { age, printData } from '../output.ts';
import { locateSchema, schemaPath } from '../schema-path.ts';

export function driftCommand(cli: Cli): Command {
  return new Command('drift')
    .description('what somebody has changed in the database that schemas do not say')
    .argument('[schema]', 'its differences, one by one; without it, the schemas that have some')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', '\nExit code 1 when something differs. Compared every ten minutes.\n')
    .addHelpText('after', example('velocity drift', 'velocity drift order -n acme-shop-sales'))
    .action(async (name: string | undefined, options: { namespace?: string }, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = options.namespace ?? context.namespace;
      if (name === undefined) {
        const { data } = await api.get<Envelope<VersionDrift[]>>('/api/platform/drift');
        const found = data.filter((one) => namespace === undefined || one.namespace === namespace);
        printData(cli, output, found, () => ({
          head: ['NAMESPACE', 'SCHEMA', 'VERSION', 'DIFFERENCES', 'SINCE', 'CHECKED'],
          rows: found.map((one) => [
            ...[one.namespace, one.name, one.version, String(one.items.length)],
            ...[one.since ?? '', one.checkedAt].map((at) => age(at, cli.now())),
          ]),
          empty: 'nothing differs',
        }));
        if (found.length > 0) cli.exitCode = exitCodes.failure;
        return;
      }
      const schema = await locateSchema(api, name, namespace);
      const { data } = await api.get<Envelope<SchemaDrift>>(schemaPath(schema, 'drift'));
      printData(cli, output, data, () =>
        data.versions.length === 0
          ? `${schema.namespace}/${name} has not been compared yet: velocity reconcile ${name}`
          : data.versions.map((version) => describeVersion(version, cli.now())).join('\n\n'),
      );
      if (data.drifted) cli.exitCode = exitCodes.failure;
    });
}
