import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { collectNames } from '../option-values.ts';
import { printData } from '../output.ts';
import { fieldsOfRecord } from '../record-table.ts';
import { resolveSchema } from '../schema-routes.ts';

export function recordGetCommand(cli: Cli): Command {
  return new Command('get')
    .description('show a record')
    .argument('<schema>', 'for example airport')
    .argument('<id>')
    .option('--select <fields>', 'only these fields', collectNames)
    .option('--include <references>', 'records referred to', collectNames)
    .addHelpText(
      'after',
      example('velocity record get airport 019a9f6e-7c1b-7d63-a1f5-0d2f3c9b7a10'),
    )
    .action(
      async (
        schema: string,
        id: string,
        options: { select?: string[]; include?: string[] },
        command: Command,
      ) => {
        const { api, output } = await connect(cli, command);
        const path = await resolveSchema(api, schema);
        const { data } = await api.get<Envelope<Record<string, unknown>>>(
          `/api/${path}/${encodeURIComponent(id)}`,
          { select: options.select?.join(','), include: options.include?.join(',') },
        );
        printData(cli, output, data, () => fieldsOfRecord(data));
      },
    );
}
