import type { Revocation, Revoked } from './revocation.ts';
import { revokedName } from './revocation.ts';

/** Where a request looks: what Postgres keeps, in a form that is quick to ask. */
export interface RevocationIndex {
  /**
   * Whether one of them is revoked. `listKey` is where somebody else's list, in Redis, would name the
   * credential. Throws, or rejects, when that cannot be said.
   */
  hasAny(parts: readonly Revoked[], listKey?: string): boolean | Promise<boolean>;
  /** Takes everything that Postgres keeps; from then on it can be asked. */
  load(pages: () => AsyncIterable<readonly Revocation[]>): Promise<void>;
  add(revocation: Revocation): Promise<void>;
  remove(revoked: Revoked): Promise<void>;
  /** Whether changes are heard of from now on. What it knows counts once it is loaded after that. */
  hear(isListening: boolean): void;
}

export interface LocalIndexOptions {
  readonly now: () => number;
  /** Asked while the index cannot be trusted. */
  readonly askDatabase: (parts: readonly Revoked[]) => Promise<boolean>;
}

/** In this process: asked without waiting. Holds some 200 bytes for each revocation that has not ended. */
export function createLocalIndex({ now, askDatabase }: LocalIndexOptions): RevocationIndex {
  let ends = new Map<string, number>();
  let isTrusted = false;
  let isListening = false;
  /** Counts what was heard of listening, so that a load knows whether it lasted. */
  let heard = 0;
  /** What was revoked or lifted here while a load was under way, which may not have seen it. */
  let meanwhile: Map<string, number> | undefined;

  const note = (name: string, endsAt: number): void => {
    ends.set(name, endsAt);
    meanwhile?.set(name, endsAt);
  };

  return {
    hasAny(parts, listKey) {
      if (listKey !== undefined)
        throw new Error('the strategy names a list in Redis; there is none');
      if (!isTrusted) return askDatabase(parts);
      return parts.some((part) => (ends.get(revokedName(part)) ?? 0) > now());
    },
    async load(pages) {
      const started = heard;
      const changes = new Map<string, number>();
      meanwhile = changes;
      const next = new Map<string, number>();
      for await (const page of pages()) {
        for (const revocation of page) next.set(revokedName(revocation), endOf(revocation));
      }
      for (const [name, endsAt] of changes) next.set(name, endsAt);
      ends = next;
      isTrusted = isListening && started === heard;
    },
    async add(revocation) {
      note(revokedName(revocation), endOf(revocation));
    },
    async remove(revoked) {
      note(revokedName(revoked), 0);
    },
    hear(listening) {
      isListening = listening;
      isTrusted = false;
      heard++;
    },
  };
}

function endOf({ endsAt }: Revocation): number {
  return endsAt ?? Number.POSITIVE_INFINITY;
}
