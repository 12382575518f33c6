import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { parseJsonObject } from '../option-values.ts';
import { printData } from '../output.ts';
import type { AuditOptions, RecordInputOptions } from '../record-input.ts';
import { auditHeaders, readRecordInput, withAuditOptions } from '../record-input.ts';
import { fieldsOfRecord } from '../record-table.ts';
import { resolveSchema } from '../schema-routes.ts';

interface CreateOptions extends RecordInputOptions, AuditOptions {
  readonly upsert?: string;
  readonly idempotencyKey?: string;
}

export function recordCreateCommand(cli: Cli): Command {
  const command = new Command('create')
    .description('create a record')
    .argument('<schema>', 'for example airport')
    .argument('[field=value...]', 'typed as the schema says; empty is null')
    .option('-d, --data <json>', 'the record as JSON', parseJsonObject)
    .option('-f, --file <file>', 'the record as JSON or YAML; - for standard input')
    .option('--upsert <field>', 'update the record that has the same value of this unique field')
    .option('--idempotency-key <key>', 'sent again with the same key, it is created once');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      example(
        'velocity record create airport iata=AUS name="Austin-Bergstrom" position=30.19,-97.67',
      ),
    )
    .action(
      async (schema: string, assignments: string[], options: CreateOptions, self: Command) => {
        const { api, output } = await connect(cli, self);
        const path = await resolveSchema(api, schema);
        const body = await readRecordInput(cli, api, path, assignments, options);
        const answer = await api.send<Envelope<Record<string, unknown>>>('POST', `/api/${path}`, {
          body,
          query: { onConflict: options.upsert },
          headers: { ...auditHeaders(options), 'idempotency-key': options.idempotencyKey },
        });
        const { data } = answer.body;
        printData(cli, output, data, () => fieldsOfRecord(data));
      },
    );
}
