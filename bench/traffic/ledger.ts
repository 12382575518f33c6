import type { LoggedWrite } from './messages.ts';
import { seedId } from './seeds.ts';

export const statuses = ['open', 'closed'] as const;

/** A record as its last acknowledged write left it. */
export interface KnownRecord {
  readonly id: string;
  version: number;
  title: string;
  status: string;
  quantity: number;
  /** Titles of its acknowledged versions, the first one first; of a seed, those since its own. */
  readonly titles: string[];
  readonly seed: boolean;
}

/**
 * What the clients know: the records that are theirs, and the outcome of each write. A record is taken
 * out while a request is about it, so that what is expected of the answer is always certain.
 */
export class Ledger {
  readonly writes: LoggedWrite[] = [];
  readonly #free: KnownRecord[] = [];
  readonly #seeds = new Map<number, KnownRecord>();
  readonly #random: () => number;
  readonly #seedCount: number;
  #titles = 0;

  constructor(options: { readonly random: () => number; readonly seeds: number }) {
    this.#random = options.random;
    this.#seedCount = options.seeds;
  }

  newTitle(): string {
    return `traffic ${++this.#titles}`;
  }

  /** Any record that no request is about; undefined when there is none. */
  take(): KnownRecord | undefined {
    const at = Math.floor(this.#random() * this.#free.length);
    const taken = this.#free[at];
    const last = this.#free.pop();
    if (taken !== undefined && last !== undefined && taken !== last) this.#free[at] = last;
    return taken;
  }

  /** One of the records that were there before; undefined while a request is about it. */
  takeSeed(): KnownRecord | undefined {
    if (this.#seedCount === 0) return undefined;
    const number = Math.floor(this.#random() * this.#seedCount);
    const known = this.#seeds.get(number) ?? seedRecord(number);
    if (this.#busySeeds.has(known.id)) return undefined;
    this.#seeds.set(number, known);
    this.#busySeeds.add(known.id);
    return known;
  }

  readonly #busySeeds = new Set<string>();

  giveBack(record: KnownRecord): void {
    if (record.seed) this.#busySeeds.delete(record.id);
    else this.#free.push(record);
  }

  log(write: LoggedWrite): void {
    this.writes.push(write);
  }
}

function seedRecord(number: number): KnownRecord {
  return {
    ...{ id: seedId(number), version: 1, title: `seed ${number}`, titles: [], seed: true },
    status: statuses[number % 2] ?? 'open',
    quantity: number,
  };
}
