import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Identity } from '../contract/identity.ts';
import { channels } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { Observe } from '../observe.ts';
import { listen } from '../store/listen.ts';
import type { Pool, Transaction } from '../store/pool.ts';
import type { Revocation, Revoked } from './revocation.ts';
import { revocableParts, revocationUnavailable } from './revocation.ts';
import type { RevocationIndex } from './revocation-index.ts';
import { createLocalIndex } from './revocation-index.ts';
import { createRedisIndex } from './revocation-redis.ts';
import { findRevoked } from './sql/find-revoked.ts';
import { readRevocations } from './sql/read-revocations.ts';
import { sweepRevocations } from './sql/sweep-revocations.ts';

/** Who may no longer come in, whatever they show. Postgres keeps it; see docs/limits-and-revocation.md. */
export interface Revocations {
  /**
   * Asked once for every request. At once where this process knows, else a promise. Throws, or rejects
   * with, REVOCATION_UNAVAILABLE. `listPrefix` is of a list that somebody else keeps in Redis.
   */
  isRevoked(identity: Identity, listPrefix?: string): boolean | Promise<boolean>;
  /**
   * Runs `keep` in a transaction, which stores the revocations, and resolves once no replica that shares
   * the Redis lets them in. Rejects with REVOCATION_UNAVAILABLE where they are kept but not yet told.
   */
  revoke(
    revocations: readonly Revocation[],
    keep: (tx: Transaction) => Promise<void>,
  ): Promise<void>;
  /** The same the other way round. */
  restore(revoked: Revoked, lift: (tx: Transaction) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface RevocationsOptions {
  readonly pool: Pool;
  readonly connectionString: string;
  readonly observe: Observe;
  readonly now: () => number;
  /** Undefined: this process keeps its own index, and hears of the others' by LISTEN. */
  readonly shared?: { readonly redis: Redis; readonly prefix: string } | undefined;
}

const retryAfterMs = 500;
/** A start does not wait longer for the first load; requests are answered 503 until it is done. */
const firstLoadMaxMs = 1_000;
const sweepEveryMs = 10 * 60_000;

export async function openRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { pool, observe, now, shared } = options;
  const stop = new AbortController();
  const index: RevocationIndex =
    shared === undefined
      ? createLocalIndex({ now, askDatabase: (parts) => findRevoked(pool, parts) })
      : createRedisIndex({ ...shared, now, onForgotten: () => wake() });

  let wanted = Promise.withResolvers<void>();
  const wake = (): void => wanted.resolve();
  const loaded = Promise.withResolvers<void>();

  /** One load at a time; whatever is asked for meanwhile is answered by the next. Tries until it is done. */
  const loading = (async () => {
    while (!stop.signal.aborted) {
      await wanted.promise;
      wanted = Promise.withResolvers<void>();
      if (stop.signal.aborted) return;
      try {
        await index.load(() => readRevocations(pool));
        loaded.resolve();
      } catch (cause) {
        // While Redis is away it says so itself, and is heard again by its own word.
        if (shared === undefined || shared.redis.status === 'ready') {
          observe({ type: 'revocations.failed', cause });
          await sleep(retryAfterMs, undefined, { signal: stop.signal }).catch(() => {});
          wake();
        }
      }
    }
  })();

  shared?.redis.on('ready', wake);
  const listening = listen({
    connectionString: options.connectionString,
    channels: [channels.revocations],
    onNotification: wake,
    onConnected: () => {
      index.hear(true);
      wake();
    },
    onDisconnected: (cause) => {
      index.hear(false);
      observe({ type: 'listen.disconnected', cause });
    },
    signal: stop.signal,
  });
  const sweeping = setInterval(() => {
    sweepRevocations(pool).catch((cause: unknown) => observe({ type: 'store.failed', cause }));
  }, sweepEveryMs);
  sweeping.unref();
  if (shared !== undefined) wake();
  await Promise.race([
    loaded.promise,
    sleep(firstLoadMaxMs, undefined, { signal: stop.signal, ref: false }),
  ]);

  return {
    isRevoked(identity, listPrefix) {
      const listKey = listPrefix === undefined ? undefined : listPrefix + identity.credential.id;
      try {
        const answer = index.hasAny(revocableParts(identity), listKey);
        if (typeof answer === 'boolean') return answer;
        return answer.catch(refuse);
      } catch (cause) {
        return refuse(cause);
      }
    },
    async revoke(revocations, keep) {
      await pool.transaction(keep);
      await tell(Promise.all(revocations.map((revocation) => index.add(revocation))));
    },
    async restore(revoked, lift) {
      await pool.transaction(lift);
      await tell(index.remove(revoked));
    },
    async close() {
      stop.abort();
      wake();
      clearInterval(sweeping);
      shared?.redis.off('ready', wake);
      await Promise.all([listening, loading]);
    },
  };
}

/** A database that is away says so under its own code. */
function refuse(cause: unknown): never {
  throw cause instanceof VelocityError ? cause : revocationUnavailable(cause);
}

/** Postgres has it by now, and every replica is about to hear of it; Redis could not be told at once. */
async function tell(told: Promise<unknown>): Promise<void> {
  try {
    await told;
  } catch (cause) {
    throw revocationUnavailable(cause);
  }
}
