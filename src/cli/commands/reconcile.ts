import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { locateSchema, schemaPath } from '../schema-path.ts';

interface ReconcileOptions {
  readonly namespace?: string;
  readonly reason?: string;
}

export function reconcileCommand(cli: Cli): Command {
  return new Command('reconcile')
    .description('have a schema looked at now, and settle what differs in the database')
    .argument('<schema>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .option('--reason <text>', 'why: kept in the audit')
    .addHelpText('after', example('velocity reconcile order'))
    .action(async (name: string, options: ReconcileOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const schema = await locateSchema(api, name, options.namespace ?? context.namespace);
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const path = schemaPath(schema, 'reconcile');
      const { data } = (await api.send<Envelope<object>>('POST', path, { body })).body;
      printData(cli, output, data, () => `${schema.namespace}/${name} is being looked at`);
    });
}
