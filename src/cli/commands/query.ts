import { Command } from 'commander';
import type { ApiClient, Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { remark, write } from '../cli.ts';
import { connect } from '../connect.ts';
import { usageFailure } from '../failures.ts';
import type { Filter } from '../filters.ts';
import { conditionOf, parseFilter, queryParamOf } from '../filters.ts';
import { example } from '../help.ts';
import { collect, collectNames, integerBetween, parseJsonObject } from '../option-values.ts';
import type { OutputFormat } from '../output.ts';
import { printData, toYaml } from '../output.ts';
import { tableOfRecords } from '../record-table.ts';
import { resolveSchema } from '../schema-routes.ts';

type RecordView = Record<string, unknown>;

interface QueryOptions {
  readonly filter?: string[];
  readonly where?: Record<string, unknown>;
  readonly sort?: string;
  readonly select?: string[];
  readonly include?: string[];
  readonly limit?: number;
  readonly cursor?: string;
  readonly offset?: number;
  readonly count?: string;
  readonly all?: boolean;
}

/** Largest page that the API gives. */
const pageSizeMax = 1_000;
/** Farther on, a cursor. */
const offsetMax = 10_000;
/** Rows of one table: its columns are as wide as their widest cell, so all must be in memory. */
const tableRowsMax = 50_000;

export function queryCommand(cli: Cli): Command {
  return new Command('query')
    .description('records of a schema, filtered and sorted')
    .argument('<schema>', 'org/app/domain/object/version, or its end: airport, airport/v1')
    .option(
      '-f, --filter <filter>',
      'status=open, count>=10, name~air, field[op]=value (repeatable)',
      collect,
    )
    .option(
      '--where <json>',
      '{"and":[…]}, {"or":[…]}, {"not":…}, {"field","op","value"}',
      parseJsonObject,
    )
    .option('-s, --sort <fields>', 'for example -count,name')
    .option('--select <fields>', 'only these fields', collectNames)
    .option(
      '--include <references>',
      'records referred to, to depth 2: origin,origin.country',
      collectNames,
    )
    .option(
      '-l, --limit <records>',
      'at most so many, with --all a page (API default: 100)',
      integerBetween(1, pageSizeMax),
    )
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--offset <records>', 'skip so many', integerBetween(0, offsetMax))
    .option('--count <how>', 'none, planned or exact: also say how many there are')
    .option('--all', 'every page, not just one')
    .addHelpText(
      'after',
      example(
        'velocity query airport -f state=TX -s name --select iata,name,city',
        `velocity query route --where '{"field":"count","op":"gte","value":5000}' --include origin,destination`,
      ),
    )
    .action(async (schemaText: string, options: QueryOptions, command: Command) => {
      const { api, output } = await connect(cli, command);
      const path = await resolveSchema(api, schemaText);
      const filters = (options.filter ?? []).map(parseFilter);
      const page = pager(api, path, filters, options);
      if (options.all) return printAll(cli, output, page, options);
      const { data, pagination } = await page(options.cursor);
      printData(cli, output, data, () => tableOfRecords(data, columnsOf(options)));
      if (pagination?.total !== undefined) remark(cli, `${pagination.total} in all`);
      if (pagination?.cursor) {
        remark(cli, `there are more: --all, or --cursor ${pagination.cursor}`);
      }
    });
}

type Page = (cursor: string | undefined) => Promise<Envelope<RecordView[]>>;

/** The list route where it can say it all; the query route for nested conditions. */
function pager(
  api: ApiClient,
  path: string,
  filters: readonly Filter[],
  options: QueryOptions,
): Page {
  const limit = options.limit ?? (options.all ? pageSizeMax : undefined);
  if (options.where === undefined) {
    const query: Record<string, string | undefined> = {
      sort: options.sort,
      select: options.select?.join(','),
      include: options.include?.join(','),
      limit: limit?.toString(),
      offset: options.offset?.toString(),
      count: options.count,
    };
    for (const filter of filters) {
      const [name, value] = queryParamOf(filter);
      if (query[name] !== undefined) {
        throw usageFailure(`${name} is given twice`, 'Use --where for conditions like this one.');
      }
      query[name] = value;
    }
    return (cursor) => api.get(`/api/${path}`, { ...query, ...goingOn(cursor) });
  }
  const conditions = filters.map(conditionOf);
  const body = {
    where: conditions.length === 0 ? options.where : { and: [...conditions, options.where] },
    select: options.select,
    sort: options.sort?.split(',').map((part) => ({
      field: part.replace(/^[-+]/, ''),
      direction: part.startsWith('-') ? 'desc' : 'asc',
    })),
    limit,
    include: options.include,
    count: options.count,
    offset: options.offset,
  };
  return async (cursor) => {
    const answer = await api.send<Envelope<RecordView[]>>('POST', `/api/${path}/query`, {
      body: { ...body, ...goingOn(cursor) },
    });
    return answer.body;
  };
}

/** A cursor says where; what was skipped and counted for the first page is not repeated. */
function goingOn(cursor: string | undefined) {
  return cursor === undefined ? {} : { cursor, offset: undefined, count: undefined };
}

/** JSON and YAML are written page by page, so that any number of records fits. */
async function printAll(
  cli: Cli,
  output: OutputFormat,
  page: Page,
  options: QueryOptions,
): Promise<void> {
  const kept: RecordView[] = [];
  let written = 0;
  let cursor = options.cursor;
  do {
    const { data, pagination } = await page(cursor);
    cursor = pagination?.cursor ?? undefined;
    if (output === 'table') {
      kept.push(...data);
      if (kept.length > tableRowsMax) {
        throw usageFailure(`more than ${tableRowsMax} records do not fit a table`, 'Use -o json.');
      }
    } else if (output === 'json') {
      for (const record of data) {
        await write(cli, `${written++ === 0 ? '[' : ','}\n  ${JSON.stringify(record)}`);
      }
    } else if (data.length > 0) {
      written += data.length;
      await write(cli, toYaml(data));
    }
  } while (cursor !== undefined);
  if (output === 'json') await write(cli, written === 0 ? '[]\n' : '\n]\n');
  else if (output === 'yaml' && written === 0) await write(cli, '[]\n');
  else if (output === 'table') {
    printData(cli, output, kept, () => tableOfRecords(kept, columnsOf(options)));
    remark(cli, `${kept.length} records`);
  }
}

function columnsOf(options: QueryOptions): readonly string[] | undefined {
  return options.select === undefined ? undefined : [...options.select, ...(options.include ?? [])];
}
