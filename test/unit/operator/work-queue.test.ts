import { describe, expect, it } from 'vitest';
import { backoffMs, WorkQueue } from '../../../src/operator/work-queue.ts';

/** Time that passes only when a test says so, and wakes whoever's time has come. */
function createClock() {
  let nowMs = 0;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  return {
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((wake, reject) => {
        const sleeper = { atMs: nowMs + ms, wake };
        sleepers.add(sleeper);
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
    sleeping: () => sleepers.size,
    pass: async (ms: number): Promise<void> => {
      nowMs += ms;
      for (const sleeper of [...sleepers]) {
        if (sleeper.atMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    },
  };
}

/** Everything that can go on without time has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function queueOf(handle: (key: string, due: boolean) => Promise<void>, concurrency = 2) {
  const failures: { key: string; delayMs: number }[] = [];
  const clock = createClock();
  const queue = new WorkQueue({
    concurrency,
    backoff: { firstMs: 10, lastMs: 40 },
    random: () => 0,
    sleep: clock.sleep,
    handle,
    onError: (key, _cause, delayMs) => failures.push({ key, delayMs }),
  });
  return { queue, failures, clock };
}

/** A handler whose runs end one by one, when the test lets them. */
function gatedHandler() {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  let most = 0;
  return {
    seen,
    most: () => most,
    handle: async (key: string, due: boolean): Promise<void> => {
      seen.push(due ? `${key} due` : key);
      const gate = Promise.withResolvers<void>();
      waiting.push(gate.resolve);
      most = Math.max(most, waiting.length);
      await gate.promise;
    },
    endOne: async (): Promise<void> => {
      waiting.shift()?.();
      await settled();
    },
  };
}

describe('work queue', () => {
  it('handles a key once however often it was added before', async () => {
    const { seen, handle, endOne } = gatedHandler();
    const { queue } = queueOf(handle, 1);
    for (const key of ['a', 'b', 'b', 'b', 'c']) queue.add(key);
    await settled();
    for (let end = 0; end < 3; end++) await endOne();
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(queue.idle).toBe(true);
  });

  it('handles a key again that was added while it was handled, never twice at a time', async () => {
    const { seen, most, handle, endOne } = gatedHandler();
    const { queue } = queueOf(handle);
    queue.add('a');
    await settled();
    queue.add('a');
    queue.add('a');
    await settled();
    expect(seen).toEqual(['a']);
    await endOne();
    await endOne();
    expect({ most: most(), seen, idle: queue.idle }).toEqual({
      most: 1,
      seen: ['a', 'a'],
      idle: true,
    });
  });

  it('handles no more keys at a time than it may', async () => {
    const { seen, most, handle, endOne } = gatedHandler();
    const { queue } = queueOf(handle, 3);
    for (let n = 0; n < 20; n++) queue.add(`key ${n}`);
    await settled();
    expect(seen).toHaveLength(3);
    for (let end = 0; end < 20; end++) await endOne();
    expect({ most: most(), seen: seen.length, idle: queue.idle }).toEqual({
      most: 3,
      seen: 20,
      idle: true,
    });
  });

  it('brings a failed key back, later each time, and forgets the failures after a success', async () => {
    let left = 4;
    const { queue, failures, clock } = queueOf(async () => {
      if (left-- > 0) throw new Error('not yet');
    });
    const delays = () => failures.map(({ delayMs }) => delayMs);
    queue.add('a');
    await settled();
    expect(delays()).toEqual([5]);
    await clock.pass(4);
    expect(delays()).toEqual([5]);
    await clock.pass(1);
    await clock.pass(10);
    await clock.pass(20);
    expect(delays()).toEqual([5, 10, 20, 20]);
    await clock.pass(20);
    expect({ delays: delays(), sleeping: clock.sleeping() }).toEqual({
      delays: [5, 10, 20, 20],
      sleeping: 0,
    });
    left = 1;
    queue.add('a');
    await settled();
    expect(delays().at(-1)).toBe(5);
  });

  it('says whether a key is due, and does not lose it to an ordinary addition', async () => {
    const { seen, handle, endOne } = gatedHandler();
    const { queue, clock } = queueOf(handle, 1);
    queue.add('first');
    queue.add('a', { due: true });
    queue.add('a');
    await settled();
    await endOne();
    await endOne();
    queue.addAfter('b', 5);
    await clock.pass(5);
    expect(seen).toEqual(['first', 'a due', 'b due']);
  });

  it('waits for what runs when it is closed, and starts nothing more', async () => {
    const { seen, handle, endOne } = gatedHandler();
    const { queue, clock } = queueOf(handle, 1);
    queue.add('a');
    await settled();
    queue.add('b');
    queue.addAfter('c', 5);
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    await settled();
    expect(closed).toBe(false);
    await endOne();
    await closing;
    queue.add('d');
    await clock.pass(5);
    expect({ seen, sleeping: clock.sleeping() }).toEqual({ seen: ['a'], sleeping: 0 });
  });

  it('spreads retries between half and all of the wait', () => {
    const backoff = { firstMs: 100, lastMs: 1_000 };
    expect([backoffMs(backoff, 1, 0), backoffMs(backoff, 1, 1)]).toEqual([50, 100]);
    expect(backoffMs(backoff, 50, 1)).toBe(1_000);
  });
});
