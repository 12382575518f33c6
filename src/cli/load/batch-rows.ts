import type { Row } from './row.ts';

/** Rows that travel in one request. Its number and content depend on nothing but file and settings. */
export interface Batch {
  readonly number: number;
  readonly rows: readonly Row[];
}

/** A quarter of what the API takes, so that the envelope of each row never makes the difference. */
const batchCharactersMax = 4 * 1_048_576;

/** Cuts after `rowsMax` rows or 4 Mi characters, whichever comes first. `skip` rows went before. */
export async function* batchRows(
  rows: AsyncIterable<Row>,
  { rowsMax, first, skip }: { rowsMax: number; first: number; skip: number },
): AsyncGenerator<Batch> {
  let number = first;
  let seen = 0;
  let batch: Row[] = [];
  let characters = 0;
  for await (const row of rows) {
    seen++;
    if (seen <= skip) continue;
    batch.push(row);
    characters += row.json?.length ?? 0;
    if (batch.length < rowsMax && characters < batchCharactersMax) continue;
    yield { number: number++, rows: batch };
    batch = [];
    characters = 0;
  }
  if (batch.length > 0) yield { number, rows: batch };
}
