import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../records/call.ts';

export interface Traffic {
  /** Every answer that was not a success, as `status code`. */
  readonly failures: string[];
  readonly requests: () => number;
  stop(): Promise<void>;
}

/**
 * Writers and readers that go on while a schema changes. They use `title` alone, which every
 * revision has: whatever fails, fails because of the change. `before` is what it goes on from.
 */
export function startTraffic(send: Caller, path: string, before?: Traffic): Traffic {
  const failures: string[] = [...(before?.failures ?? [])];
  let requests = before?.requests() ?? 0;
  let stopped = false;
  const note = (what: string, answer: { statusCode: number; body: string }): void => {
    requests++;
    if (answer.statusCode >= 400) failures.push(`${what} ${answer.statusCode} ${answer.body}`);
  };
  const write = async (): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const made = await send('POST', path, { body: { title: `traffic ${n}` } });
      note('create', made);
      if (made.statusCode < 400) {
        const { id, version } = made.json().data;
        note(
          'patch',
          await send('PATCH', `${path}/${id}`, { body: { title: 'changed', version } }),
        );
        note('get', await send('GET', `${path}/${id}`));
      }
      await sleep(2);
    }
  };
  const read = async (): Promise<void> => {
    while (!stopped) {
      note('list', await send('GET', `${path}?limit=20&filter[title]=changed`));
      await sleep(2);
    }
  };
  const running = Promise.all([write(), write(), read()]);
  return {
    failures,
    requests: () => requests,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
