import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/api/app.ts';
import { createRateCounters } from '../../src/auth/rate-counters.ts';
import { manifest } from '../support/manifests.ts';
import type { OwnRedis } from '../support/redis.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

/** Abuse case 22, over two replicas. */

const quota = 40;
/** What the other replica lets through before it hears that the quota is used up. */
const overshootMax = 6;
const minuteMs = 60_000;

let setup: TestApi;
let redis: OwnRedis;
let replicas: ApiProcess[];
const keys: Record<string, string> = {};

beforeAll(async () => {
  [setup, redis] = await Promise.all([openTestApi(), startRedis()]);
  const { namespace } = setup.tenant;
  const open = { name: 'open', namespace };
  const roles = [{ role: 'writer', operations: ['*'] }];
  await setup.provide(
    manifest('AuthStrategy', 'open', namespace, {
      ...{ type: 'apikey', config: { revocation: { backend: 'redis', failOpen: true } } },
    }),
    setup.tenant.schema('note', { spec: { access: { roles }, auth: { strategyRef: open } } }),
  );
  for (const actor of ['ada', 'bea', 'cat', 'dot', 'eve']) {
    keys[actor] = await setup.keyFor(actor, ['writer']);
  }
  const env = {
    VELOCITY_DATABASE_URL: setup.database.apiUrl,
    VELOCITY_REDIS_URL: redis.url,
    VELOCITY_RATE_LIMIT: String(quota),
  };
  replicas = await Promise.all([spawnApi(env), spawnApi(env)]);
});

afterAll(async () => {
  for (const replica of replicas ?? []) replica.kill('SIGKILL');
  await Promise.all((replicas ?? []).map((replica) => replica.exited));
  await Promise.all([setup?.close(), redis?.stop()]);
});

async function list(replica: number, actor: string): Promise<Response> {
  const answer = await fetch(`${replicas[replica]?.url}${setup.path('note')}`, {
    headers: { 'x-api-key': keys[actor] ?? '' },
  });
  await answer.clone().text();
  return answer;
}

/** All within one window: waits for the next one where this one is about to end. */
async function earlyInTheMinute(): Promise<void> {
  const leftMs = minuteMs - (Date.now() % minuteMs);
  if (leftMs < 20_000) await sleep(leftMs + 100);
}

async function metric(replica: number, name: string): Promise<number> {
  const text = await (await fetch(`${replicas[replica]?.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('rate limits of two replicas', { timeout: 120_000 }, () => {
  it('are one, and say what is left and when to come again', async () => {
    await earlyInTheMinute();
    const first = await list(0, 'ada');
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe(`"actor";q=${quota};w=60`);
    expect(first.headers.get('ratelimit')).toMatch(
      new RegExp(`^"actor";r=${quota - 1};t=([1-9]|[1-5]\\d|60)$`),
    );
    let served = 1;
    let refused: Response | undefined;
    for (let n = 0; n < quota * 2; n++) {
      const answer = await list(n % 2, 'ada');
      if (answer.status === 200) served++;
      else refused = answer;
    }
    expect(served).toBeGreaterThanOrEqual(quota);
    expect(served).toBeLessThanOrEqual(quota + overshootMax);
    expect(refused?.status).toBe(429);
    expect(refused?.headers.get('ratelimit')).toMatch(/^"actor";r=0;t=\d+$/);
    const wait = Number(refused?.headers.get('retry-after'));
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
    expect(await refused?.json()).toMatchObject({
      code: 'RATE_LIMITED',
      details: { policy: 'actor', quota, windowSeconds: 60 },
    });
    // Nobody else waits for it, and who is not known is not counted.
    expect((await list(0, 'bea')).status).toBe(200);
    const health = await fetch(`${replicas[0]?.url}/healthz`);
    expect([health.status, health.headers.get('ratelimit')]).toEqual([200, null]);
  });

  it('hold for each replica by itself while Redis is away, which a metric says, and for both again after', async () => {
    await earlyInTheMinute();
    expect(await metric(0, 'velocity_rate_limits_local')).toBe(0);
    await redis.kill();
    await until(async () => (await metric(0, 'velocity_rate_limits_local')) === 1, 5_000);
    await until(async () => (await metric(1, 'velocity_rate_limits_local')) === 1, 5_000);
    for (const replica of [0, 1]) {
      const statuses: number[] = [];
      for (let n = 0; n < quota + 5; n++) statuses.push((await list(replica, 'cat')).status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(quota);
      expect(statuses.filter((status) => status === 429)).toHaveLength(5);
    }
    await redis.restart();
    for (const replica of [0, 1]) {
      await until(async () => (await metric(replica, 'velocity_rate_limits_local')) === 0, 5_000);
    }
    await earlyInTheMinute();
    let served = 0;
    for (let n = 0; n < quota * 2; n++) {
      if ((await list(n % 2, 'dot')).status === 200) served++;
    }
    expect(served).toBeLessThanOrEqual(quota + overshootMax);
  });
});

describe('requestsPerSecond', () => {
  it('bounds an organisation and an application, and no stranger uses it up', async () => {
    const api = await openTestApi();
    try {
      const { organisation } = api.tenant;
      const roles = [{ role: 'writer', operations: ['*'] }];
      const other = `other-${organisation}`;
      await api.provide(
        manifest('Organisation', organisation, organisation, {
          ...{ displayName: 'Acme', resourceQuotas: { requestsPerSecond: 8 } },
        }),
        manifest('Application', 'shop', organisation, {
          ...{ org: organisation, displayName: 'Shop', resourceQuotas: { requestsPerSecond: 4 } },
        }),
        api.tenant.schema('note', { spec: { access: { roles } } }),
        manifest('Organisation', other, other, { displayName: 'Other' }),
      );
      const [ann, ben] = [await api.keyFor('ann', ['writer']), await api.keyFor('ben', ['writer'])];
      const stranger = await api.keyFor('sid', [], { organisation: other });
      let nowMs = 0;
      const counters = createRateCounters({ now: () => nowMs });
      const limits = { counters, actor: undefined, search: undefined };
      const app = buildApp({ ...api.deps, limits });
      const get = async (key: string, url: string) => {
        const answer = await app.inject({ url, headers: { 'x-api-key': key } });
        const policy = answer.json<{ details?: { policy?: string } }>().details?.policy;
        return answer.statusCode === 429 ? `429 ${policy}` : answer.statusCode;
      };
      const path = api.path('note');
      for (let n = 0; n < 6; n++) expect(await get(stranger, path)).toBe(404);
      const shop = [ann, ben, ann, ben, ann].map((key) => () => get(key, path));
      const answers: unknown[] = [];
      for (const ask of shop) answers.push(await ask());
      expect(answers).toEqual([200, 200, 200, 200, '429 application']);
      // What is not of the application still counts for the organisation.
      const rest: unknown[] = [];
      for (let n = 0; n < 5; n++) rest.push(await get(ann, '/api'));
      expect(rest).toEqual([200, 200, 200, 200, '429 organisation']);
      nowMs = 1_000;
      expect(await get(ann, path)).toBe(200);
      await app.close();
    } finally {
      await api.close();
    }
  });

  it('has searches counted by themselves', async () => {
    const api = await openTestApi();
    try {
      const key = await api.keyFor('ann', []);
      const counters = createRateCounters({ now: () => 0 });
      const app = buildApp({ ...api.deps, limits: { counters, actor: 5, search: 1 } });
      app.get('/test/search', { config: { access: 'caller', limit: 'search' } }, async () => ({}));
      const headers = { 'x-api-key': key };
      const first = await app.inject({ url: '/test/search', headers });
      expect(first.headers['ratelimit-policy']).toBe('"actor";q=5;w=60, "search";q=1;w=60');
      expect(first.headers['ratelimit']).toBe('"actor";r=4;t=60, "search";r=0;t=60');
      const second = await app.inject({ url: '/test/search', headers });
      expect(second.statusCode).toBe(429);
      expect((await app.inject({ url: '/api', headers })).statusCode).toBe(200);
      await app.close();
    } finally {
      await api.close();
    }
  });
});
