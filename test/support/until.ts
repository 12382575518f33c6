import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 25;

/** Waits for something to become true; answers how long that took, in milliseconds. */
export async function until(check: () => Promise<boolean>, withinMs: number): Promise<number> {
  const start = performance.now();
  while (!(await check())) {
    if (performance.now() - start > withinMs) {
      throw new Error(`still not so after ${withinMs} ms: ${check.toString()}`);
    }
    await sleep(pollMs);
  }
  return performance.now() - start;
}
