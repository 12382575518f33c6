import type { TableView } from './output.ts';
import { cell } from './output.ts';

/** Left out of tables unless selected: whoever lists records wants to see the data. */
const quietColumns = new Set([
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'archived_at',
  'archive_ref',
  'deleted_at',
]);

/** Records as rows; columns in the API's order, or those asked for. */
export function tableOfRecords(
  records: readonly Record<string, unknown>[],
  columns?: readonly string[],
): TableView {
  const names = new Set(columns);
  if (columns === undefined) {
    for (const record of records) {
      for (const name of Object.keys(record)) if (!quietColumns.has(name)) names.add(name);
    }
  }
  const shown = [...names].filter((name) => records.some((record) => name in record));
  return {
    head: shown,
    rows: records.map((record) => shown.map((name) => cell(summary(record[name])))),
    empty: 'no records',
  };
}

/** One record, a line for each field. */
export function fieldsOfRecord(record: Record<string, unknown>): TableView {
  const rows = Object.entries(record).map(([name, value]) => [name, cell(summary(value))]);
  return { head: ['FIELD', 'VALUE'], rows };
}

/** A point as `lat,lon`; an included record by what names it: its first texts after id and version. */
function summary(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { lat, lon, ...others } = value as Record<string, unknown>;
  if (lat !== undefined && lon !== undefined && Object.keys(others).length === 0)
    return `${lat},${lon}`;
  if (!('id' in others && 'version' in others)) return value;
  const texts = Object.entries(others)
    .filter(
      ([name, member]) => name !== 'id' && !quietColumns.has(name) && typeof member === 'string',
    )
    .map(([, member]) => member);
  return texts.length === 0 ? others['id'] : texts.slice(0, 2).join(' ');
}
