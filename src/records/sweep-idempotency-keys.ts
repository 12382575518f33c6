import type { Pool } from '../store/pool.ts';

/** Keys forgotten at a time, so that the delete stays short. */
const batchSizeMax = 10_000;
/** Keys are kept for 24 hours; forgetting them some minutes later harms nobody. */
const sweepEveryMs = 10 * 60_000;

/** Forgets idempotency keys of the day before, every ten minutes. Every replica may; one suffices. */
export function sweepIdempotencyKeys(pool: Pool, onError: (cause: unknown) => void): () => void {
  const timer = setInterval(() => {
    pool
      .query({ text: 'select platform.idempotency_sweep($1::integer)', values: [batchSizeMax] })
      .catch(onError);
  }, sweepEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
