import type { Pool } from '../../store/pool.ts';
import type { DriftFigures } from './find-drift.ts';
import { measureDrift } from './find-drift.ts';

/** The schedule compares every ten minutes; a probe or a scrape asks nobody but this process. */
const readEveryMs = 30_000;

/** Keeps the figures of drift at hand, so that `/readyz` and `/metrics` answer while Postgres is away. */
export function watchDrift(
  pool: Pool,
  onError: (cause: unknown) => void,
): { figures(): DriftFigures; stop(): void } {
  let figures: DriftFigures = { byKind: [], unguarded: 0, ageSeconds: null };
  const read = (): void => {
    measureDrift(pool).then((measured) => {
      figures = measured;
    }, onError);
  };
  read();
  const timer = setInterval(read, readEveryMs);
  timer.unref();
  return { figures: () => figures, stop: () => clearInterval(timer) };
}
