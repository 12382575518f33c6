export interface WorkQueueOptions {
  /** Keys handled at a time; never one key twice at a time. */
  readonly concurrency: number;
  /** Wait after the n-th failure in a row of one key: doubles from the first to the last. */
  readonly backoff: Backoff;
  /** 0 ≤ n < 1; spreads retries. */
  random(): number;
  /** Resolves after so long; rejects when the signal aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** `due`: something that the key waits for may have happened, or its time to try again has come. */
  handle(key: string, due: boolean): Promise<void>;
  /** A handler threw; the key comes back after `delayMs`. */
  onError(key: string, cause: unknown, delayMs: number): void;
}

export interface Backoff {
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Keys to look at, each at most once however often it was added: its length is bounded by the
 * number of resources. A key added while it is handled is handled once more afterwards.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Map<string, boolean>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, AbortController>();
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string, options: { due?: boolean } = {}): void {
    if (this.#closed) return;
    this.#waiting.set(key, (this.#waiting.get(key) ?? false) || (options.due ?? false));
    this.#pump();
  }

  /** Adds the key as due, later; a timer that the key already has is kept. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed || this.#timers.has(key)) return;
    const timer = new AbortController();
    this.#timers.set(key, timer);
    void this.#options.sleep(delayMs, timer.signal).then(
      () => {
        this.#timers.delete(key);
        this.add(key, { due: true });
      },
      () => undefined,
    );
  }

  /** Nothing waits and nothing runs; timers do not count. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** Starts nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) timer.abort();
    this.#timers.clear();
    await Promise.all(this.#running.values());
  }

  #pump(): void {
    for (const [key, due] of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key, due));
    }
  }

  async #run(key: string, due: boolean): Promise<void> {
    // The map must know of the run before its end can delete it again.
    await Promise.resolve();
    try {
      await this.#options.handle(key, due);
      this.#failures.delete(key);
    } catch (cause) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const delayMs = backoffMs(this.#options.backoff, failures, this.#options.random());
      this.#options.onError(key, cause, delayMs);
      this.addAfter(key, delayMs);
    } finally {
      this.#running.delete(key);
      this.#pump();
    }
  }
}

/** Between half and all of the doubled wait, so that keys that failed together return apart. */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const fullMs = Math.min(backoff.lastMs, backoff.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(fullMs * (0.5 + random / 2));
}
