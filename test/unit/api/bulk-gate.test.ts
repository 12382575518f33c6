import { describe, expect, it } from 'vitest';
import { createBulkGate } from '../../../src/api/bulk-gate.ts';

/** Work that lasts until it is told to end. */
function task() {
  const ended = Promise.withResolvers<void>();
  let started = false;
  return {
    end: ended.resolve,
    fail: ended.reject,
    get started() {
      return started;
    },
    work: () => {
      started = true;
      return ended.promise;
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the bulk gate', () => {
  it('lets three in at once and the next when one leaves, in order', async () => {
    const gate = createBulkGate();
    const tasks = Array.from({ length: 8 }, task);
    const running = tasks.map(({ work }) => gate(work).catch(() => {}));
    await settle();
    expect(tasks.filter(({ started }) => started)).toHaveLength(3);
    tasks[0]?.end();
    await settle();
    expect(tasks.map(({ started }) => started).lastIndexOf(true)).toBe(3);
    tasks[1]?.fail(new Error('refused'));
    await settle();
    expect(tasks.map(({ started }) => started).lastIndexOf(true)).toBe(4);
    for (const { end } of tasks) end();
    await Promise.all(running);
  });

  it('turns away whom nobody could serve soon', async () => {
    const gate = createBulkGate();
    const tasks = Array.from({ length: 104 }, task);
    const outcomes = tasks.map(({ work }) =>
      gate(work).then(
        () => 'done',
        (error: { code: string }) => error.code,
      ),
    );
    await settle();
    for (const { end } of tasks) end();
    const counted = (await Promise.all(outcomes)).filter((outcome) => outcome === 'RATE_LIMITED');
    expect(counted).toHaveLength(1);
  });
});
