import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../store/pool.ts';

export interface KeyUse {
  /** Costs the request a map entry; `keyHash` in hexadecimal, of a key that is known. */
  note(keyHash: string): void;
  /** Writes what is not written yet; nothing waits for it but tests and the end. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface KeyUseOptions {
  readonly pool: Pool;
  readonly now: () => number;
  readonly onError: (cause: unknown) => void;
  readonly intervalMs?: number;
}

/** A key's row is written at most so often by each replica, however often the key is used. */
const intervalMsDefault = 60_000;
/** Rows of one statement: some 10 ms of work. */
const batchSize = 1_000;

/** Remembers when keys were used last and writes it down beside the requests, in batches. */
export function openKeyUse(options: KeyUseOptions): KeyUse {
  const { pool, now, onError, intervalMs = intervalMsDefault } = options;
  const stop = new AbortController();
  // Bounded by the keys there are: nothing else is noted.
  let used = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const due = [...used];
    used = new Map();
    for (let start = 0; start < due.length; start += batchSize) {
      const batch = due.slice(start, start + batchSize);
      try {
        await writeKeyUse(pool, batch);
      } catch (cause) {
        onError(cause);
        // Kept for the next time; what was used again meanwhile is newer.
        for (const [hash, at] of due.slice(start)) if (!used.has(hash)) used.set(hash, at);
        return;
      }
    }
  }

  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  const flushing = (async () => {
    while (!stop.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      if (!stop.signal.aborted) await flush();
    }
  })();

  return {
    note: (keyHash) => void used.set(keyHash, now()),
    flush,
    async close() {
      stop.abort();
      await flushing;
      await flush();
    },
  };
}

/** Rows that another replica is writing are its to write: waiting for them could deadlock. */
async function writeKeyUse(
  pool: Pool,
  used: readonly (readonly [string, number])[],
): Promise<void> {
  const values = [used.map(([hash]) => hash), used.map(([, at]) => new Date(at).toISOString())];
  for (const [name, table] of [
    ['auth.key-use', 'platform.api_keys'],
    ['auth.rotated-key-use', 'platform.rotated_api_keys'],
  ] as const) {
    await pool.query({
      name,
      text: `
        with used as (
          select k.key_hash, u.at
            from ${table} k
            join unnest($1::text[], $2::timestamptz[]) as u (hash, at) on k.key_hash = decode(u.hash, 'hex')
           where k.last_used_at is null or k.last_used_at < u.at
           order by k.key_hash
             for update of k skip locked)
        update ${table} k set last_used_at = used.at from used where k.key_hash = used.key_hash`,
      values,
    });
  }
}
