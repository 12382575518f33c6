import { VelocityError } from '../errors.ts';

/**
 * Bulks between their parsing and their commit at once. Rows as objects take four times the memory
 * of their text, and connections full of bulks keep every small request waiting: three fill the
 * database's cores and leave half of the six connections to the others. Five were no faster.
 */
const atOnceMax = 3;
/** Bulks waiting as bytes, of at most 16 MiB each. */
const waitingMax = 100;

export type BulkGate = <T>(work: () => Promise<T>) => Promise<T>;

/** Lets in so many bulks at once; the others wait for their turn, in order. */
export function createBulkGate(): BulkGate {
  const waiting: (() => void)[] = [];
  let inside = 0;

  return async (work) => {
    if (inside >= atOnceMax) {
      if (waiting.length >= waitingMax) throw tooMany();
      // Whoever leaves hands its place on, so `inside` stays.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      inside++;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) inside--;
      else next();
    }
  };
}

function tooMany(): VelocityError {
  return new VelocityError('RATE_LIMITED', 'Too many bulk requests are waiting here.', {
    hint: 'Send it again in a moment, or send fewer at once.',
    headers: { 'retry-after': '1' },
  });
}
