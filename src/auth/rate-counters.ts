import type { Redis } from 'ioredis';

/** So many requests of one kind of caller in each window of time. */
export interface RateLimit {
  /** As the RateLimit headers call it. */
  readonly policy: 'actor' | 'search' | 'application' | 'organisation';
  /** Who is counted, under this policy. */
  readonly subject: string;
  readonly quota: number;
  readonly windowMs: number;
}

export interface RateStanding {
  readonly limit: RateLimit;
  readonly remaining: number;
  /** Until the window ends, and counting begins anew. */
  readonly resetMs: number;
}

export interface RateVerdict {
  /** Undefined: the request has been counted under every limit. Else it has been under none. */
  readonly exceeded: RateStanding | undefined;
  readonly standings: readonly RateStanding[];
}

export interface RateCounters {
  /** Decides at once, from what this process knows. */
  count(limits: readonly RateLimit[]): RateVerdict;
  /** Whether the other replicas' requests are counted too, as far as there are any. */
  isShared(): boolean;
  close(): void;
}

export interface RateCountersOptions {
  readonly now: () => number;
  /** Undefined: this process counts alone. */
  readonly shared?: { readonly redis: Redis; readonly prefix: string } | undefined;
}

/**
 * Replicas tell Redis what they have counted, and hear the sum, this often while there is something to
 * tell. So together they may let through what arrives at the others in this time and a round trip.
 */
const exchangeEveryMs = 10;
/** Counters told of in one exchange; the rest go with the next. */
const exchangeMax = 1_000;
/** Counters whose window is over are forgotten this often. */
const sweepEveryMs = 60_000;
/** Some 20 MB. With more callers than this in one window all begin anew. */
const countersMax = 100_000;

interface Counter {
  readonly subject: string;
  readonly windowMs: number;
  /** Number of the window since the epoch. */
  window: number;
  /** What Redis said last, with whatever it had been told by then. */
  told: number;
  /** Counted here and not yet told. */
  untold: number;
}

/**
 * Fixed windows, aligned to the clock, so that all replicas count in the same one. A request is decided
 * on without asking anybody: Redis is told behind its back. While Redis is away every replica counts by
 * itself, and tells what is untold of the window once it is back.
 */
export function createRateCounters({ now, shared }: RateCountersOptions): RateCounters {
  const counters = new Map<string, Counter>();
  const untold = new Set<Counter>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function counterOf({ policy, subject, windowMs }: RateLimit, nowMs: number): Counter {
    const key = `${policy}\n${subject}`;
    const window = Math.floor(nowMs / windowMs);
    let counter = counters.get(key);
    if (counter === undefined) {
      if (counters.size >= countersMax) counters.clear();
      counter = { subject: key, windowMs, window, told: 0, untold: 0 };
      counters.set(key, counter);
    }
    if (counter.window !== window) {
      counter.window = window;
      counter.told = 0;
      counter.untold = 0;
    }
    return counter;
  }

  const isShared = (): boolean => shared === undefined || shared.redis.status === 'ready';

  function tellSoon(): void {
    if (timer !== undefined || isClosed || untold.size === 0 || !isShared()) return;
    timer = setTimeout(() => {
      void exchange().finally(() => {
        timer = undefined;
        tellSoon();
      });
    }, exchangeEveryMs);
    timer.unref();
  }

  async function exchange(): Promise<void> {
    if (shared === undefined) return;
    const batch = [...untold].slice(0, exchangeMax);
    const pipeline = shared.redis.pipeline();
    const sent = batch.map((counter) => {
      untold.delete(counter);
      const { subject, window, windowMs, untold: delta } = counter;
      const key = `${shared.prefix}rate:${subject}:${window}`;
      pipeline.incrby(key, delta).pexpire(key, windowMs * 2);
      return { counter, window, delta };
    });
    const answers = await pipeline.exec().catch(() => null);
    for (const [index, { counter, window, delta }] of sent.entries()) {
      // A new window has begun meanwhile: what was told of the old one is no news.
      if (counter.window !== window) continue;
      const [error, total] = answers?.[index * 2] ?? [new Error('not answered'), 0];
      // Told once more: it may then count twice, which refuses too much and never too little.
      if (error !== null) untold.add(counter);
      else {
        counter.told = Number(total);
        counter.untold -= delta;
        if (counter.untold > 0) untold.add(counter);
      }
    }
  }

  const sweeping = setInterval(() => {
    const nowMs = now();
    for (const [key, { window, windowMs }] of counters) {
      if (window < Math.floor(nowMs / windowMs)) counters.delete(key);
    }
  }, sweepEveryMs);
  sweeping.unref();
  shared?.redis.on('ready', tellSoon);

  return {
    count(limits) {
      const nowMs = now();
      const counted = limits.map((limit) => ({ limit, counter: counterOf(limit, nowMs) }));
      const exceeded = counted.find(({ limit, counter }) => usedOf(counter) >= limit.quota);
      if (exceeded === undefined) {
        for (const { counter } of counted) {
          counter.untold++;
          if (shared !== undefined) untold.add(counter);
        }
        tellSoon();
      }
      const standingOf = ({ limit, counter }: (typeof counted)[number]): RateStanding => ({
        limit,
        remaining: Math.max(0, limit.quota - usedOf(counter)),
        resetMs: (counter.window + 1) * counter.windowMs - nowMs,
      });
      return {
        exceeded: exceeded && standingOf(exceeded),
        standings: counted.map(standingOf),
      };
    },
    isShared,
    close() {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(sweeping);
      shared?.redis.off('ready', tellSoon);
    },
  };
}

function usedOf({ told, untold }: Counter): number {
  return told + untold;
}
