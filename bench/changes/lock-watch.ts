import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** A lock that was held, or waited for, on a table of the namespace. Times are since the epoch. */
export interface SeenLock {
  readonly relation: string;
  readonly mode: string;
  readonly granted: boolean;
  readonly from: number;
  /** When it was seen last. */
  to: number;
  /** The statement of its session. */
  readonly query: string;
}

export interface LockWatch {
  /** Everything seen that reaches into the time between. */
  between(from: number, to: number): readonly SeenLock[];
  /** The longest pause between two looks: what is shorter may go unseen. */
  coarsestMs(): number;
  stop(): Promise<void>;
}

/** Locks that conflict with a reader's or a writer's: SHARE and everything stronger. */
const disturbing = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";
const lookEveryMs = 3;
/** Looks are remembered as spans; a run has some thousands. */
const spansMax = 200_000;

/**
 * Looks at pg_locks all the time, on a connection of its own, for what is granted and what is waited
 * for on tables of a namespace: SHARE or stronger where granted, any mode where waited for.
 */
export async function watchLocks(databaseUrl: string, pgNamespace: string): Promise<LockWatch> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query<{ oid: number }>(
    `select oid::integer as oid from pg_database where datname = current_database()`,
  );
  const database = rows[0]?.oid;
  const held = new Map<string, SeenLock>();
  const spans: SeenLock[] = [];
  let coarsestMs = 0;
  let stopped = false;
  const watching = (async () => {
    let lookedAt = performance.now();
    while (!stopped) {
      const found = await client.query<Omit<SeenLock, 'from' | 'to'> & { key: string }>({
        name: 'look',
        text: `select concat_ws(' ', l.virtualtransaction, l.relation, l.mode, l.granted) as key, c.relname as relation,
                      l.mode, l.granted, left(regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 120) as query
                 from pg_locks l join pg_class c on c.oid = l.relation
                 join pg_namespace n on n.oid = c.relnamespace
                 left join pg_stat_activity a on a.pid = l.pid
                where l.database = ${database} and l.locktype = 'relation' and n.nspname = $1
                  and c.relkind in ('r', 'p') and (not l.granted or l.mode in ${disturbing})`,
        values: [pgNamespace],
      });
      const now = performance.now();
      coarsestMs = Math.max(coarsestMs, now - lookedAt);
      lookedAt = now;
      const at = performance.timeOrigin + now;
      const keys = new Set(found.rows.map(({ key }) => key));
      for (const key of held.keys()) if (!keys.has(key)) held.delete(key);
      for (const { key, ...lock } of found.rows) {
        const known = held.get(key);
        if (known !== undefined) known.to = at;
        else if (spans.length < spansMax) {
          const span = { ...lock, from: at, to: at };
          held.set(key, span);
          spans.push(span);
        }
      }
      await sleep(lookEveryMs);
    }
  })();
  return {
    between: (from, to) => spans.filter((span) => span.from <= to && span.to >= from),
    coarsestMs: () => coarsestMs,
    stop: async () => {
      stopped = true;
      await watching;
      await client.end();
    },
  };
}

/** The one that took longest, of those that were granted or of those that were waited for. */
export function longest(locks: readonly SeenLock[], granted: boolean): SeenLock | undefined {
  const took = ({ from, to }: SeenLock): number => to - from;
  return locks
    .filter((lock) => lock.granted === granted)
    .reduce<SeenLock | undefined>(
      (most, lock) => (most === undefined || took(lock) > took(most) ? lock : most),
      undefined,
    );
}
