import { appendFile, rm, truncate } from 'node:fs/promises';
import type { Row } from './row.ts';

export interface Rejection {
  readonly row: Row;
  readonly code: string;
  readonly detail: string;
  readonly details?: unknown;
}

/** One line per refused row: where it stood, why it was refused, and what it said. */
export async function appendRejections(
  path: string,
  rejections: readonly Rejection[],
): Promise<number> {
  if (rejections.length === 0) return 0;
  const text = rejections.map((rejection) => `${toLine(rejection)}\n`).join('');
  await appendFile(path, text);
  return Buffer.byteLength(text);
}

/** Back to what the journal vouches for: a batch that was cut off will report its rows again. */
export async function cutRejections(path: string, bytes: number): Promise<void> {
  if (bytes === 0) await rm(path, { force: true });
  else await truncate(path, bytes);
}

function toLine({ row, code, detail, details }: Rejection): string {
  const head = JSON.stringify({ line: row.line, code, detail, ...(details ? { details } : {}) });
  // The record's own text, so that what is corrected and sent again is exactly what was refused.
  const record = row.json === undefined ? JSON.stringify(row.unreadable?.text) : row.json;
  return `${head.slice(0, -1)},"record":${record.replaceAll(/\s*\n\s*/g, ' ')}}`;
}
