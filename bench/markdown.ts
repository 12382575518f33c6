/** A Markdown table: the first column to the left, all others to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, 3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(headings), rule, ...rows.map(line)];
}

/** As many digits as a reader wants. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Whole, with a comma between thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
