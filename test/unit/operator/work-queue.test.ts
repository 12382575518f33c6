import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { backoffMs, WorkQueue } from '../../../src/operator/work-queue.ts';

function queueOf(handle: (key: string, due: boolean) => Promise<void>, concurrency = 2) {
  const failures: { key: string; delayMs: number }[] = [];
  const queue = new WorkQueue({
    concurrency,
    backoff: { firstMs: 10, lastMs: 40 },
    random: () => 0,
    handle,
    onError: (key, _cause, delayMs) => failures.push({ key, delayMs }),
  });
  return { queue, failures };
}

async function untilIdle(queue: WorkQueue): Promise<void> {
  for (let turn = 0; turn < 1_000 && !queue.idle; turn++) await sleep(1);
  expect(queue.idle).toBe(true);
}

describe('work queue', () => {
  it('handles a key once however often it was added before', async () => {
    const handled: string[] = [];
    const { queue } = queueOf(async (key) => {
      handled.push(key);
      await sleep(5);
    }, 1);
    for (const key of ['a', 'b', 'b', 'b', 'c']) queue.add(key);
    await untilIdle(queue);
    expect(handled).toEqual(['a', 'b', 'c']);
  });

  it('handles a key again that was added while it was handled, never twice at a time', async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    const { queue } = queueOf(async () => {
      most = Math.max(most, ++running);
      count += 1;
      await sleep(5);
      running -= 1;
    });
    queue.add('a');
    await sleep(1);
    queue.add('a');
    queue.add('a');
    await untilIdle(queue);
    expect({ most, count }).toEqual({ most: 1, count: 2 });
  });

  it('handles no more keys at a time than it may', async () => {
    let running = 0;
    let most = 0;
    const { queue } = queueOf(async () => {
      most = Math.max(most, ++running);
      await sleep(2);
      running -= 1;
    }, 3);
    for (let n = 0; n < 20; n++) queue.add(`key ${n}`);
    await untilIdle(queue);
    expect(most).toBe(3);
  });

  it('brings a failed key back, later each time, and forgets the failures after a success', async () => {
    let left = 4;
    const { queue, failures } = queueOf(async () => {
      if (left-- > 0) throw new Error('not yet');
    });
    queue.add('a');
    await sleep(200);
    expect(failures.map(({ delayMs }) => delayMs)).toEqual([5, 10, 20, 20]);
    left = 1;
    queue.add('a');
    await sleep(50);
    expect(failures.at(-1)?.delayMs).toBe(5);
  });

  it('says whether a key is due, and does not lose it to an ordinary addition', async () => {
    const seen: string[] = [];
    const { queue } = queueOf(async (key, due) => {
      await sleep(1);
      seen.push(`${key} ${due}`);
    }, 1);
    queue.add('first');
    queue.add('a', { due: true });
    queue.add('a');
    await untilIdle(queue);
    queue.addAfter('b', 5);
    await sleep(30);
    expect(seen).toEqual(['first false', 'a true', 'b true']);
  });

  it('waits for what runs when it is closed, and starts nothing more', async () => {
    const handled: string[] = [];
    const { queue } = queueOf(async (key) => {
      await sleep(10);
      handled.push(key);
    }, 1);
    queue.add('a');
    await sleep(1);
    queue.add('b');
    await queue.close();
    queue.add('c');
    await sleep(20);
    expect(handled).toEqual(['a']);
  });

  it('spreads retries between half and all of the wait', () => {
    const backoff = { firstMs: 100, lastMs: 1_000 };
    expect([backoffMs(backoff, 1, 0), backoffMs(backoff, 1, 1)]).toEqual([50, 100]);
    expect(backoffMs(backoff, 50, 1)).toBe(1_000);
  });
});
