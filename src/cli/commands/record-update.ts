import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { integerBetween, parseJsonObject } from '../option-values.ts';
import { printData } from '../output.ts';
import type { AuditOptions, RecordInputOptions } from '../record-input.ts';
import { auditHeaders, readRecordInput, withAuditOptions } from '../record-input.ts';
import { fieldsOfRecord } from '../record-table.ts';
import { currentVersion } from '../record-version.ts';
import { resolveSchema } from '../schema-routes.ts';

interface UpdateOptions extends RecordInputOptions, AuditOptions {
  readonly ifVersion?: number;
}

export function recordUpdateCommand(cli: Cli): Command {
  const command = new Command('update')
    .description('change fields of a record')
    .argument('<schema>', 'for example airport')
    .argument('<id>')
    .argument('[field=value...]', 'typed as the schema says; empty is null')
    .option('-d, --data <json>', 'the fields to change as JSON (merge patch)', parseJsonObject)
    .option('-f, --file <file>', 'the same from a file; - for standard input')
    .option(
      '--if-version <version>',
      'refuse unless the record still has it; without, the current one is looked up',
      integerBetween(1, Number.MAX_SAFE_INTEGER),
    );
  return withAuditOptions(command)
    .addHelpText(
      'after',
      example('velocity record update airport 019a9f6e-7c1b-7d63-a1f5-0d2f3c9b7a10 city=Austin'),
    )
    .action(
      async (
        schema: string,
        id: string,
        assignments: string[],
        options: UpdateOptions,
        self: Command,
      ) => {
        const { api, output } = await connect(cli, self);
        const path = await resolveSchema(api, schema);
        const patch = await readRecordInput(cli, api, path, assignments, options);
        const version = options.ifVersion ?? (await currentVersion(api, path, id));
        const answer = await api.send<Envelope<Record<string, unknown>>>(
          'PATCH',
          `/api/${path}/${encodeURIComponent(id)}`,
          { body: { version, ...patch }, headers: auditHeaders(options) },
        );
        const { data } = answer.body;
        printData(cli, output, data, () => fieldsOfRecord(data));
      },
    );
}
