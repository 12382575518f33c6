import { randomStream } from '../../../bench/traffic/random.ts';

/** Choices that a seed determines. */
export interface Random {
  /** Whether something of this likelihood happens. */
  chance(share: number): boolean;
  /** From 0 to below `end`. */
  below(end: number): number;
  pick<T>(list: readonly T[]): T;
  /** Each item of the list with this likelihood, in its order. */
  some<T>(list: readonly T[], share: number): T[];
  /** `make` called between `min` and `max` times. */
  times<T>(min: number, max: number, make: (index: number) => T): T[];
}

export function seededRandom(seed: number): Random {
  const next = randomStream(seed);
  const below = (end: number): number => Math.floor(next() * end);
  return {
    below,
    chance: (share) => next() < share,
    pick: (list) => {
      const item = list[below(list.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    some: (list, share) => list.filter(() => next() < share),
    times: (min, max, make) =>
      Array.from({ length: min + below(max - min + 1) }, (_, index) => make(index)),
  };
}
