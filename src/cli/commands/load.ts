import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import type { LoadSummary } from '../load/load-file.ts';
import { loadFile } from '../load/load-file.ts';
import { grouped } from '../load/load-progress.ts';
import { parseColumnMap } from '../load/map-columns.ts';
import type { LoadFormat } from '../load/open-source.ts';
import { loadFormats, openSource } from '../load/open-source.ts';
import { collect, integerBetween } from '../option-values.ts';
import { printData } from '../output.ts';
import type { AuditOptions } from '../record-input.ts';
import { auditHeaders, withAuditOptions } from '../record-input.ts';
import { findSchemaFields } from '../schema-fields.ts';
import { resolveSchema } from '../schema-routes.ts';

interface LoadOptions extends AuditOptions {
  readonly map?: string[];
  readonly null?: string[];
  readonly batchSize: number;
  readonly skipExisting?: boolean;
  readonly restart?: boolean;
  readonly format?: LoadFormat;
  readonly delimiter?: string;
  readonly encoding: string;
  readonly rejected?: string;
}

/** What bulk takes at most. */
const batchSizeMax = 10_000;

export function loadCommand(cli: Cli): Command {
  const command = new Command('load')
    .description('load a CSV, NDJSON or JSON file, however large, through the bulk route')
    .argument('<schema>', 'for example airport')
    .argument('<file>', 'also .gz; - for standard input')
    .option(
      '-m, --map <column=field>',
      'fill a field from a column; latitude,longitude=position for a point; column= leaves it out (repeatable)',
      collect,
    )
    .option('--null <text>', 'CSV cells that mean no value: NA (repeatable)', collect)
    .option('--skip-existing', 'pass over rows whose unique value is there already')
    .option('--batch-size <rows>', 'rows in one request', integerBetween(1, batchSizeMax), 1_000)
    .option('--restart', 'begin again although an interrupted load could go on')
    .addOption(
      new Option(
        '--format <format>',
        'of the file; by its name or first character without',
      ).choices(loadFormats),
    )
    .option('--delimiter <character>', 'between the values of CSV; a comma, or a tab in .tsv')
    .option('--encoding <encoding>', 'of the text', 'utf-8')
    .option('--rejected <file>', 'where refused rows go (default: FILE.rejected.ndjson)');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
Columns go to the fields of the same name (\`PO Number\` to po_number), typed as the schema says; an
empty cell leaves the field out. After Ctrl-C the same command goes on where it stopped, no row twice.
Refused rows are written, with their reasons, to FILE.rejected.ndjson; the command then ends with 1.
`,
    )
    .addHelpText(
      'after',
      example('velocity load airport airports.csv --map latitude,longitude=position --null NA'),
    )
    .action(async (schema: string, file: string, options: LoadOptions, self: Command) => {
      const { api, output } = await connect(cli, self);
      const map = parseColumnMap(options.map ?? []);
      const path = await resolveSchema(api, schema);
      const fields = await findSchemaFields(api, path);
      const full = file === '-' ? undefined : resolve(cli.workingDirectory, file);
      const source = await openSource({
        path: full,
        stdin: cli.stdin,
        format: options.format,
        delimiter: options.delimiter,
        encoding: options.encoding,
      });
      const beside = await placeBeside(cli, full);
      const rejected = options.rejected && resolve(cli.workingDirectory, options.rejected);
      const summary = await loadFile(cli, {
        api,
        path,
        fields,
        name: file === '-' ? 'standard input' : file,
        file: full,
        source,
        map,
        nulls: new Set(options.null),
        batchSize: options.batchSize,
        skipExisting: options.skipExisting === true,
        restart: options.restart === true,
        journalPath: `${beside}.velocity-load.json`,
        rejectedPath: rejected || `${beside}.rejected.ndjson`,
        headers: auditHeaders(options),
      });
      printData(cli, output, summary, () => describeSummary(cli, summary));
      if (summary.rejected > 0) cli.exitCode = exitCodes.failure;
    });
}

/** Beside the file, or below .velocity where its folder cannot be written to. */
async function placeBeside(cli: Cli, file: string | undefined): Promise<string> {
  if (file === undefined) return join(cli.workingDirectory, 'standard-input');
  const writable = await access(dirname(file), constants.W_OK).then(
    () => true,
    () => false,
  );
  if (writable) return file;
  const folder = join(cli.workingDirectory, '.velocity', 'load');
  await mkdir(folder, { recursive: true });
  return join(folder, basename(file));
}

function describeSummary(cli: Cli, summary: LoadSummary): string {
  const { rows, created, skipped, rejected, seconds, rowsPerSecond, rejectedFile } = summary;
  const parts = [`${grouped(created)} created`];
  if (skipped > 0) parts.push(`${grouped(skipped)} skipped, being there already`);
  if (rejected > 0) parts.push(`${grouped(rejected)} refused`);
  const lines = [
    `${summary.file} to ${summary.schema}: ${grouped(rows)} rows, ${parts.join(', ')} (${seconds.toFixed(1)} s, ${grouped(rowsPerSecond)} rows/s)`,
  ];
  if (rejectedFile !== null) {
    lines.push(`refused rows and why: ${relative(cli.workingDirectory, rejectedFile)}`);
  }
  return lines.join('\n');
}
