import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Revocation, Revoked } from './revocation.ts';
import { revokedName } from './revocation.ts';
import type { RevocationIndex } from './revocation-index.ts';

/** What a process that ended in the middle leaves behind is gone after this time. */
const loadMaxSeconds = 3_600;

/** KEYS[1] goes where it is still what ARGV[1] says: somebody may have revoked it anew meanwhile. */
const removeUnchanged = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end`;

export interface RedisIndexOptions {
  readonly redis: Redis;
  /** Of this installation; others may use the same Redis. */
  readonly prefix: string;
  readonly now: () => number;
  /** Called when Redis has forgotten what it was given. */
  readonly onForgotten: () => void;
}

/**
 * In Redis, which every replica asks once for every request. Nothing is remembered here. A Redis that
 * was emptied lacks the mark that everything is there, and one that this process has just connected to,
 * a replica that took over for example, is first given everything: until then nobody can be told apart.
 */
export function createRedisIndex(options: RedisIndexOptions): RevocationIndex {
  const { redis, prefix, now, onForgotten } = options;
  const mark = `${prefix}revocations`;
  const keyOf = (revoked: Revoked): string => `${prefix}revoked:${revokedName(revoked)}`;
  /** Counts connections: what was begun on one says nothing about the next. */
  let connection = 0;
  let isLoaded = false;
  redis.on('close', () => {
    connection++;
    isLoaded = false;
  });

  return {
    async hasAny(parts, listKey) {
      if (!isLoaded) throw new Error('Redis has not been given the revocations yet');
      const keys = [mark, ...parts.map(keyOf)];
      if (listKey !== undefined) keys.push(listKey);
      const [marked, ...found] = await redis.mget(keys);
      if (marked === null) {
        isLoaded = false;
        onForgotten();
        throw new Error('Redis has forgotten the revocations');
      }
      return found.some((value) => value !== null);
    },
    async load(pages) {
      const begun = connection;
      // Emptied in the middle, Redis has lost this key as well, and what cannot be renamed is no mark.
      const load = randomUUID();
      const loading = `${mark}:${load}`;
      await redis.set(loading, '1', 'EX', loadMaxSeconds);
      const given = new Set<string>();
      for await (const page of pages()) {
        for (const one of page) given.add(keyOf(one));
        await Promise.all(page.map((one) => put(one, load)));
      }
      // What was lifted after it was read has just been given once more; looked at after that, it is gone.
      for await (const page of pages()) for (const one of page) given.delete(keyOf(one));
      await Promise.all([...given].map((key) => redis.eval(removeUnchanged, 1, key, load)));
      await redis.rename(loading, mark);
      await redis.persist(mark);
      if (connection !== begun) throw new Error('the connection to Redis was lost meanwhile');
      isLoaded = true;
    },
    add: (revocation) => put(revocation, 'revoked'),
    async remove(revoked) {
      await redis.del(keyOf(revoked));
    },
    // Redis is asked each time; that a notification was missed changes nothing about it.
    hear() {},
  };

  async function put(revocation: Revocation, value: string): Promise<void> {
    const { endsAt } = revocation;
    const key = keyOf(revocation);
    const leftMs = Math.ceil((endsAt ?? 0) - now());
    if (endsAt === undefined) await redis.set(key, value);
    else if (leftMs > 0) await redis.set(key, value, 'PX', leftMs);
  }
}
