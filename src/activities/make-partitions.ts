import type { ActivityDeps } from './deps.ts';
import { runDdl } from './run-ddl.ts';

/** Partitions made in one go: more than 20 years of months, or 100 values. */
const roundsMax = 300;

/** Repeats a statement that makes one partition, each in a transaction of its own, until none is left. */
export async function makePartitions(
  deps: Pick<ActivityDeps, 'pool' | 'random'>,
  sql: string,
  signal?: AbortSignal,
): Promise<number> {
  for (let made = 0; made < roundsMax; made++) {
    signal?.throwIfAborted();
    const { rows } = await runDdl(deps, (tx) => tx.query<{ made: number }>({ text: sql }), signal);
    if ((rows[0]?.made ?? 0) === 0) return made;
  }
  return roundsMax;
}
