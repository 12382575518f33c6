export interface Figure {
  /** Whether `added` more still fit under the bound; what fits is taken for added. */
  hasRoom(added: number, max: number): boolean | Promise<boolean>;
}

export interface FigureOptions {
  readonly measure: () => Promise<number>;
  readonly now: () => number;
  readonly onError: (cause: unknown) => void;
}

/** With much room left a figure may be this old; with little, or none, a second. */
const ageMaxMs = 60_000;
const ageMinMs = 1_000;
const almostFullShare = 0.9;
/** Measuring takes at most this share of the time, however long it takes. */
const measuringShare = 0.1;

/**
 * A figure that is costly to measure, kept for a while and measured anew behind the requests that ask.
 * They wait for it only where there is none yet, or where it would refuse and may be out of date.
 */
export function measureFigure({ measure, now, onError }: FigureOptions): Figure {
  let measured:
    | { readonly value: number; readonly atMs: number; readonly tookMs: number }
    | undefined;
  let added = 0;
  let measuring: Promise<void> | undefined;

  function measureNow(): Promise<void> {
    measuring ??= (async () => {
      const startedMs = now();
      const addedBefore = added;
      const value = await measure();
      const tookMs = now() - startedMs;
      measured = { value, atMs: startedMs, tookMs };
      // What came while it was counting may have been missed.
      added -= addedBefore;
    })().finally(() => {
      measuring = undefined;
    });
    return measuring;
  }

  function isOlderThan(ageMs: number): boolean {
    if (measured === undefined) return true;
    return now() - measured.atMs > Math.max(ageMs, measured.tookMs / measuringShare);
  }

  const fits = (more: number, max: number): boolean => (measured?.value ?? 0) + added + more <= max;

  function take(more: number, max: number): boolean {
    const hasRoom = fits(more, max);
    if (hasRoom) added += more;
    return hasRoom;
  }

  return {
    hasRoom(more, max) {
      if (measured === undefined || (!fits(more, max) && isOlderThan(ageMinMs))) {
        return measureNow().then(() => take(more, max));
      }
      const isAlmostFull = measured.value + added > max * almostFullShare;
      if (isOlderThan(isAlmostFull ? ageMinMs : ageMaxMs)) measureNow().catch(onError);
      return take(more, max);
    },
  };
}
