import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RateLimits } from '../api/plugins/rate-limits.ts';
import { createRateCounters } from '../auth/rate-counters.ts';
import type { Revocations } from '../auth/revocations.ts';
import { openRevocations } from '../auth/revocations.ts';
import type { Config } from '../config.ts';
import type { Metrics, Observe } from '../observe.ts';
import type { Pool } from '../store/pool.ts';
import { openRedis } from '../store/redis.ts';

export interface SharedState {
  readonly revocations: Revocations;
  readonly limits: RateLimits;
  close(): Promise<void>;
}

interface SharedStateOptions {
  readonly config: Config;
  readonly pool: Pool;
  readonly observe: Observe;
  readonly metrics: Metrics;
}

/** What replicas have in common beside the database: in Redis where there is one, else each its own. */
export async function openSharedState(options: SharedStateOptions): Promise<SharedState> {
  const { config, pool, observe, metrics } = options;
  const { databaseUrl: connectionString, redisUrl, rateLimits } = config;
  const now = Date.now;
  await using scope = new AsyncDisposableStack();
  let redis: Redis | undefined;
  if (redisUrl !== undefined) {
    redis = openRedis(redisUrl, observe);
    scope.defer(() => redis?.disconnect());
  }
  const shared = redis && { redis, prefix: await installationPrefix(pool) };
  const revocations = await openRevocations({ pool, connectionString, observe, now, shared });
  scope.defer(() => revocations.close());
  const counters = createRateCounters({ now, shared });
  scope.defer(() => counters.close());
  exposeFigures(metrics, redis, counters.isShared);
  const opened = scope.move();
  return {
    revocations,
    limits: { counters, ...rateLimits },
    close: () => opened.disposeAsync(),
  };
}

function exposeFigures(metrics: Metrics, redis: Redis | undefined, isShared: () => boolean): void {
  if (redis === undefined) return;
  metrics.gauge('velocity_redis_connected', 'Whether Redis answers: 1 or 0.', () =>
    redis.status === 'ready' ? 1 : 0,
  );
  metrics.gauge(
    'velocity_rate_limits_local',
    'Whether this process counts requests by itself although Redis is configured: 1 or 0.',
    () => (isShared() ? 0 : 1),
  );
}

/** Tells the keys of this database from those of any other that is given the same Redis. */
async function installationPrefix(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ identity: string }>({
    text: `
      select concat_ws('/', (select system_identifier from pg_control_system()), d.oid) as identity
        from pg_database d where d.datname = current_database()`,
  });
  return `velocity:${hash('sha256', String(rows[0]?.identity), 'hex').slice(0, 12)}:`;
}
