import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { locateSchema, schemaPath } from '../schema-path.ts';

interface FreezeOptions {
  readonly namespace?: string;
  readonly reason?: string;
}

export function schemaFreezeCommand(cli: Cli): Command {
  return subcommand(cli, 'freeze')
    .description('let nobody write records of a schema; reads go on')
    .addHelpText('after', '\nHolds whatever its manifest says, until somebody lets it go.\n')
    .addHelpText('after', example('velocity schema freeze order --reason "odd totals since noon"'));
}

export function schemaUnfreezeCommand(cli: Cli): Command {
  return subcommand(cli, 'unfreeze')
    .description('let records of a frozen schema be written again')
    .addHelpText('after', example('velocity schema unfreeze order --reason "totals are right"'));
}

function subcommand(cli: Cli, verb: 'freeze' | 'unfreeze'): Command {
  return new Command(verb)
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .option('--reason <text>', 'why: kept in the audit and shown in the status')
    .action(async (name: string, options: FreezeOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const schema = await locateSchema(api, name, options.namespace ?? context.namespace);
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const answer = await api.send<Envelope<{ changed: boolean }>>(
        'POST',
        schemaPath(schema, verb),
        { body },
      );
      const { data } = answer.body;
      const done = verb === 'freeze' ? 'frozen' : 'not frozen';
      const subject = `${schema.namespace}/${schema.name}`;
      printData(cli, output, data, () =>
        data.changed ? `${subject} is ${done}` : `${subject} was ${done} already`,
      );
    });
}
