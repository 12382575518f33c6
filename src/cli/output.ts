import Table from 'cli-table3';
import { stringify } from 'yaml';
import type { Cli, Screen } from './cli.ts';
import { print } from './cli.ts';

export const outputFormats = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface TableView {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said instead of an empty table. */
  readonly empty?: string;
}

/** `data` as it came from the API for scripts; as a table for people. */
export function printData(
  cli: Cli,
  output: OutputFormat,
  data: unknown,
  view: () => TableView | string,
): void {
  print(cli, format(cli, output, data, view));
}

function format(
  cli: Cli,
  output: OutputFormat,
  data: unknown,
  view: () => TableView | string,
): string {
  if (output === 'json') return JSON.stringify(data, null, 2);
  if (output === 'yaml') return toYaml(data);
  const shown = view();
  return typeof shown === 'string' ? shown : renderTable(cli, shown);
}

/** Two spaces between columns and no lines: pleasant to read, and `awk` can read it too. */
export function renderTable(cli: Cli, view: TableView): string {
  if (view.rows.length === 0) return view.empty ?? 'nothing found';
  const colour = hasColour(cli, cli.stdout);
  const table = new Table({
    head: [...view.head],
    chars: borderless,
    style: {
      'padding-left': 0,
      'padding-right': 2,
      head: colour ? ['bold'] : [],
      border: [],
      compact: true,
    },
  });
  const widths = columnWidths(cli, view);
  for (const row of view.rows) {
    table.push(row.map((cell, column) => shorten(flatten(cell), widths[column] ?? cell.length)));
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const borderless = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

export function hasColour(cli: Cli, screen: Screen): boolean {
  return screen.isTty && !cli.config.noColour;
}

export function toYaml(data: unknown): string {
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** One line of a cell; `-` where there is nothing, so that columns stay countable. */
export function cell(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** `3d`, `4h`, `12m`, `7s`: how long ago, in the one unit that matters. */
export function age(since: unknown, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(String(since))) / 1_000));
  if (Number.isNaN(seconds)) return '-';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Narrowest that a column is squeezed to: an id's first block and an ellipsis. */
const columnWidthMin = 9;

/** On a terminal the widest columns give way until a row fits its line; in a pipe nothing does. */
function columnWidths(cli: Cli, view: TableView): number[] {
  const widths = view.head.map((title, column) =>
    Math.max(title.length, ...view.rows.map((row) => flatten(row[column] ?? '').length)),
  );
  if (!cli.stdout.isTty) return widths;
  let surplus = widths.reduce((sum, width) => sum + width + 2, 0) - cli.stdout.columns;
  while (surplus > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= columnWidthMin) break;
    const second = Math.max(columnWidthMin, ...widths.filter((_, column) => column !== widest));
    const cut = Math.min(surplus, Math.max(1, width - second));
    widths[widest] = width - cut;
    surplus -= cut;
  }
  return widths;
}

/** Also keeps a record's text from steering the terminal: control characters become spaces. */
function flatten(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}
