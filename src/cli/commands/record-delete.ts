import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { integerBetween } from '../option-values.ts';
import { printData } from '../output.ts';
import type { AuditOptions } from '../record-input.ts';
import { auditHeaders, withAuditOptions } from '../record-input.ts';
import { resolveSchema } from '../schema-routes.ts';

interface DeleteOptions extends AuditOptions {
  readonly ifVersion?: number;
}

export function recordDeleteCommand(cli: Cli): Command {
  const command = new Command('delete')
    .description('delete a record; its history remains')
    .argument('<schema>', 'for example airport')
    .argument('<id>')
    .option(
      '--if-version <version>',
      'refuse unless the record still has it',
      integerBetween(1, Number.MAX_SAFE_INTEGER),
    );
  return withAuditOptions(command)
    .addHelpText(
      'after',
      example(
        'velocity record delete airport 019a9f6e-7c1b-7d63-a1f5-0d2f3c9b7a10 --reason "closed in 1999"',
      ),
    )
    .action(async (schema: string, id: string, options: DeleteOptions, self: Command) => {
      const { api, output } = await connect(cli, self);
      const path = await resolveSchema(api, schema);
      const version = options.ifVersion;
      await api.send('DELETE', `/api/${path}/${encodeURIComponent(id)}`, {
        headers: {
          ...auditHeaders(options),
          'if-match': version === undefined ? undefined : `"${version}"`,
        },
      });
      printData(cli, output, { id, deleted: true }, () => `${id} deleted`);
    });
}
