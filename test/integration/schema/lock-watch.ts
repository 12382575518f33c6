import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

export interface LockWatch {
  /** The longest that one transaction was seen to hold a lock that stops readers or writers, in ms. */
  longestMs(): number;
  /** Which transaction, table and lock that was. */
  longest(): string;
  stop(): Promise<void>;
}

/** Locks that conflict with a reader's or a writer's: SHARE and everything stronger. */
const disturbing = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";

/** Looks at pg_locks all the time; what is held for less than two looks may go unseen. */
export function watchLocks(client: pg.Client, pgNamespace: string): LockWatch {
  const since = new Map<string, number>();
  let longest = 0;
  let which = '';
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const { rows } = await client.query<{ key: string }>(
        `select l.virtualtransaction || ' ' || c.relname || ' ' || l.mode as key
           from pg_locks l join pg_class c on c.oid = l.relation
           join pg_namespace n on n.oid = c.relnamespace
          where l.granted and l.mode in ${disturbing} and n.nspname = $1 and c.relkind in ('r', 'p')
            -- What is being prepared serves nobody yet.
            and not starts_with(c.relname, '_next')`,
        [pgNamespace],
      );
      const now = performance.now();
      const held = new Set(rows.map(({ key }) => key));
      for (const key of since.keys()) if (!held.has(key)) since.delete(key);
      for (const key of held) {
        const from = since.get(key) ?? now;
        since.set(key, from);
        if (now - from <= longest) continue;
        longest = now - from;
        which = key;
      }
      await sleep(5);
    }
  })();
  return {
    longestMs: () => longest,
    longest: () => which,
    stop: async () => {
      stopped = true;
      await watching;
    },
  };
}
