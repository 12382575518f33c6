/**
 * Whether the operator's watch still turns, for whoever may restart the process. Everything that a
 * watch does counts: an event, a round of lists, and a try that failed, since an API server that is
 * away is no reason to end an operator, whose webhook others need. Without leadership nothing is due.
 */
export class WatchPulse {
  readonly #now: () => number;
  #heardAt: number | undefined;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  beat(): void {
    this.#heardAt = this.#now();
  }

  /** This process leads no more. */
  end(): void {
    this.#heardAt = undefined;
  }

  isAlive(): boolean {
    return this.#heardAt === undefined || this.#now() - this.#heardAt < silentMsMax;
  }
}

/** A watch replaces a silent stream after 65 s and lists all anew every 5 min: three times that. */
const silentMsMax = 900_000;
