import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../../src/store/pool.ts';
import type { Caller } from '../records/call.ts';

interface Mover {
  readonly due: string;
  readonly version: number;
  readonly deleted: boolean;
}

export interface Movers {
  /** Every answer that was not a success. */
  readonly failures: string[];
  /** What each record must be in the end, by id; those that are gone are not among them. */
  readonly expected: ReadonlyMap<string, Mover>;
  /** Writes that succeeded. */
  readonly writes: () => number;
  stop(): Promise<void>;
}

const count = 240;
const months = 15;
const date = (n: number): string =>
  new Date(Date.UTC(2025, 10 + (n % months), 1 + (n % 28))).toISOString().slice(0, 10);

/**
 * Writers of records that existed before: again and again they change the date, which decides about
 * the partition, delete some, and purge some as only a database's owner can.
 */
export async function startMovers(
  send: Caller,
  path: string,
  { owner, table }: { readonly owner: Pool; readonly table: string },
): Promise<Movers> {
  const bulk = await send('POST', `${path}/bulk`, {
    body: Array.from({ length: count }, (_, n) => ({
      ...{ op: 'create', record: { title: 'mover', due: date(n) } },
    })),
  });
  const ids: string[] = bulk.json().data.map((row: { id: string }) => row.id);
  const expected = new Map(
    ids.map((id, n): [string, Mover] => [id, { due: date(n), version: 1, deleted: false }]),
  );
  const failures: string[] = [];
  let writes = 0;
  let stopped = false;
  const note = (answer: { statusCode: number; body: string }): boolean => {
    if (answer.statusCode < 400) writes++;
    else failures.push(`${answer.statusCode} ${answer.body}`);
    return answer.statusCode < 400;
  };
  const run = async (own: readonly string[]): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const id = own[n % own.length] ?? '';
      const is = expected.get(id);
      if (is === undefined || is.deleted) {
        await sleep(1);
        continue;
      }
      const body = { version: is.version };
      if (n % 97 === 96) {
        if (note(await send('DELETE', `${path}/${id}`, { body })))
          expected.set(id, { ...is, version: is.version + 1, deleted: true });
      } else if (n % 101 === 100) {
        await owner.query({ text: `delete from ${table} where id = $1::uuid`, values: [id] });
        expected.delete(id);
      } else {
        const due = date(n * 7 + is.version);
        const answer = await send('PATCH', `${path}/${id}`, { body: { ...body, due } });
        // A patch that changes nothing is no version.
        if (note(answer)) expected.set(id, { ...is, due, version: answer.json().data.version });
      }
      await sleep(2);
    }
  };
  const running = Promise.all([
    run(ids.filter((_, n) => n % 2 === 0)),
    run(ids.filter((_, n) => n % 2 === 1)),
  ]);
  return {
    failures,
    expected,
    writes: () => writes,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
