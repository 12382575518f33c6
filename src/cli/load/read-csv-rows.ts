import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { CommandFailure } from '../failures.ts';
import type { SchemaFields } from '../schema-fields.ts';
import { typedValue } from '../typed-value.ts';
import type { ColumnMap } from './map-columns.ts';
import { mapColumns } from './map-columns.ts';
import type { Row } from './row.ts';
import { rowCharactersMax } from './row.ts';

export interface CsvOptions {
  readonly delimiter: string;
  readonly fields: SchemaFields;
  readonly map: ColumnMap;
  /** Cells that say that there is no value, beside the empty one: NA, NULL. */
  readonly nulls: ReadonlySet<string>;
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** RFC 4180, first row the header. Values take the types of their fields; an empty one is left out. */
export async function* readCsvRows(
  text: AsyncIterable<string>,
  { delimiter, fields, map, nulls }: CsvOptions,
): AsyncGenerator<Row> {
  const parser = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: rowCharactersMax,
  });
  // Errors reach the loop below, for pipeline destroys the parser with them.
  pipeline(Readable.from(text), parser, () => {});
  let header: readonly string[] | undefined;
  let targets: ReturnType<typeof mapColumns> = [];
  let lineBefore = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      const line = lineBefore + 1;
      lineBefore = info.lines;
      if (header === undefined) {
        header = record;
        targets = mapColumns(header, fields, map);
      } else if (record.length !== header.length) {
        const reason = `has ${record.length} values where the header names ${header.length} columns`;
        yield { line, json: undefined, unreadable: { reason, text: record.join(delimiter) } };
      } else {
        yield { line, json: JSON.stringify(toRecord(record, targets, nulls)) };
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CommandFailure(`not valid CSV: ${error.message}`, {
      hint: 'Check its quotes, or say what separates values: --delimiter ";"',
      cause: error,
    });
  }
}

function toRecord(
  values: readonly string[],
  targets: ReturnType<typeof mapColumns>,
  nulls: ReadonlySet<string>,
): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const { field, type, columns } of targets) {
    const parts = columns.map((column) => values[column] ?? '');
    if (parts.some((part) => nulls.has(part))) continue;
    const text = parts.every((part) => part === '') ? '' : parts.join(',');
    if (text !== '') record[field] = typedValue(type, text);
  }
  return record;
}
