import pg from 'pg';
import type { KnownRecord } from './ledger.ts';

export interface HistoryReader {
  /** What history says of a record otherwise than its clients know; undefined: it is right. */
  read(record: KnownRecord): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Reads the past in the database itself, while it is being written and its table changed. */
export async function openHistoryReader(
  databaseUrl: string,
  history: string,
): Promise<HistoryReader> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  /** A client takes one query at a time. */
  let last: Promise<unknown> = Promise.resolve();
  return {
    read({ id, titles }) {
      const found = last.then(() => readOne(id, titles));
      last = found;
      return found;
    },
    close: () => client.end(),
  };

  async function readOne(id: string, titles: readonly string[]): Promise<string | undefined> {
    try {
      const { rows } = await client.query<{ versions: string[] | null; titles: string[] | null }>(
        `select array_agg(version::text order by version) as versions, array_agg(title order by version) as titles
             from ${history} where id = $1::uuid`,
        [id],
      );
      const found = rows[0]?.titles ?? [];
      const numbered = (rows[0]?.versions ?? []).every((version, n) => Number(version) === n + 1);
      const same = found.length === titles.length && found.every((title, n) => title === titles[n]);
      if (numbered && same) return undefined;
      return `otherwise: ${id} had the titles ${JSON.stringify(titles)}, history has ${JSON.stringify(rows[0])}`;
    } catch (error) {
      return `not read: ${(error as Error).message}`;
    }
  }
}
