import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Revocation } from '../../src/auth/revocation.ts';
import { createRedisIndex } from '../../src/auth/revocation-redis.ts';
import type { Revocations } from '../../src/auth/revocations.ts';
import { openRevocations } from '../../src/auth/revocations.ts';
import { keepRevocation } from '../../src/auth/sql/keep-revocation.ts';
import { liftRevocation } from '../../src/auth/sql/lift-revocation.ts';
import type { Credential, Identity } from '../../src/contract/identity.ts';
import type { Observation } from '../../src/observe.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import { openRedis } from '../../src/store/redis.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { OwnRedis } from '../support/redis.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let server: OwnRedis;
let pool: Pool;
const opened: { revocations: Revocations; redis?: Redis }[] = [];
const observed: Observation[] = [];
const observe = (observation: Observation) => void observed.push(observation);

beforeAll(async () => {
  [database, server] = await Promise.all([createTestDatabase(), startRedis()]);
  pool = openPool({ connectionString: database.apiUrl, application: 'test' });
});

afterEach(async () => {
  prefix = `velocity:test:${++opens}:`;
  for (const { revocations, redis } of opened.splice(0)) {
    await revocations.close();
    redis?.disconnect();
  }
  const operator = openPool({ connectionString: database.operatorUrl, application: 'test' });
  await operator.query({ text: 'delete from platform.revocations' });
  await operator.close();
});

afterAll(async () => {
  await pool?.close();
  await Promise.all([database?.drop(), server?.stop()]);
});

type Where = 'in Redis' | 'in the process';
const places: Where[] = ['in Redis', 'in the process'];
let opens = 0;
let prefix = 'velocity:test:';

async function open(where: Where): Promise<Revocations> {
  const redis = where === 'in Redis' ? openRedis(server.url, observe) : undefined;
  const shared = redis && { redis, prefix };
  const connectionString = database.apiUrl;
  const revocations = await openRevocations({
    pool,
    connectionString,
    observe,
    now: Date.now,
    shared,
  });
  opened.push({ revocations, ...(redis && { redis }) });
  return revocations;
}

function identity(actor: string, credential: Partial<Credential> = {}): Identity {
  return {
    ...{ organisation: 'acme', actor, actorType: 'user', strategy: 'acme/tokens' },
    ...{ platformAdmin: false, keyScopes: undefined, roles: [], attributes: {} },
    credential: { kind: 'jwt', id: `token of ${actor}`, ...credential },
  };
}

function revocation(over: Partial<Revocation> = {}): Revocation {
  return { organisation: 'acme', kind: 'actor', id: 'alice', endsAt: undefined, ...over };
}

function revoke(revocations: Revocations, one: Revocation): Promise<void> {
  return revocations.revoke([one], (tx) =>
    keepRevocation(tx, one, { by: 'olga', reason: undefined }),
  );
}

/** `unknown` where it could not be said. */
async function ask(revocations: Revocations, who: Identity): Promise<boolean | 'unknown'> {
  try {
    return await revocations.isRevoked(who);
  } catch (error) {
    expect(error).toMatchObject({ code: 'REVOCATION_UNAVAILABLE' });
    return 'unknown';
  }
}

describe.each(places)('revocations kept %s', (where) => {
  it.each([
    ['actor', 'alice', identity('alice')],
    ['token', 'jti-1', identity('bob', { id: 'jti-1' })],
    ['session', 's-1', identity('bob', { kind: 'session', id: 's-1' })],
    ['key', 'ab12', identity('bob', { kind: 'apikey', id: 'ab12' })],
  ] as const)('end the access of a %s, here and in the other replica', async (kind, id, who) => {
    const [here, there] = [await open(where), await open(where)];
    expect([await ask(here, who), await ask(there, who)]).toEqual([false, false]);
    await revoke(here, revocation({ kind, id }));
    expect(await ask(here, who)).toBe(true);
    // Without Redis the other one is told by Postgres, an instant later.
    if (where === 'in Redis') expect(await ask(there, who)).toBe(true);
    else await until(async () => (await ask(there, who)) === true, 2_000);
    expect(await ask(here, identity('bob', { id: 'another' }))).toBe(false);
    expect(await ask(here, { ...who, organisation: 'other' })).toBe(false);
  });

  it('end when the credential would', async () => {
    const revocations = await open(where);
    await revoke(revocations, revocation({ kind: 'token', id: 'short', endsAt: Date.now() + 400 }));
    const who = identity('bob', { id: 'short' });
    expect(await ask(revocations, who)).toBe(true);
    await sleep(450);
    expect(await ask(revocations, who)).toBe(false);
  });

  it('keep the later end of two', async () => {
    const revocations = await open(where);
    const [soon, late] = [Date.now() + 60_000, Date.now() + 120_000];
    for (const endsAt of [late, soon]) {
      await revoke(revocations, revocation({ kind: 'token', id: 'twice', endsAt }));
    }
    const { rows } = await pool.query<{ endsAt: string }>({
      text: `select ends_at as "endsAt" from platform.revocations where id = 'twice'`,
    });
    expect(rows.map(({ endsAt }) => Date.parse(endsAt))).toEqual([late]);
  });

  it('are lifted', async () => {
    const [here, there] = [await open(where), await open(where)];
    await revoke(here, revocation());
    await until(async () => (await ask(there, identity('alice'))) === true, 2_000);
    await here.restore(revocation(), (tx) =>
      liftRevocation(tx, revocation()).then(() => undefined),
    );
    // A replica that reads them all anew may give Redis this one again, for a moment.
    await until(async () => (await ask(here, identity('alice'))) === false, 2_000);
    await until(async () => (await ask(there, identity('alice'))) === false, 2_000);
  });

  it('survive a restart', async () => {
    await revoke(await open(where), revocation());
    expect(await ask(await open(where), identity('alice'))).toBe(true);
  });
});

describe('revocations kept in Redis', () => {
  it.each([
    ['that were lifted while they were read stay lifted', false],
    ['that were made anew meanwhile hold', true],
  ])('%s', async (_what, isMadeAnew) => {
    const redis = openRedis(server.url, observe);
    await once(redis, 'ready');
    const index = createRedisIndex({ redis, prefix, now: Date.now, onForgotten: () => {} });
    let reads = 0;
    await index.load(async function* () {
      if (++reads === 1) yield [revocation()];
      else if (isMadeAnew) await index.add(revocation());
    });
    expect(await index.hasAny([revocation()])).toBe(isMadeAnew);
    redis.disconnect();
  });

  it('hold although Redis is emptied, and nobody is let in meanwhile', async () => {
    const revocations = await open('in Redis');
    await revoke(revocations, revocation());
    const redis = opened[0]!.redis!;
    await redis.flushall();
    const answers = new Set<unknown>();
    await until(async () => {
      const answer = await ask(revocations, identity('alice'));
      answers.add(answer);
      return answer === true;
    }, 5_000);
    expect(answers).not.toContain(false);
  });

  it('hold although Redis is killed and comes back empty', async () => {
    const [here, there] = [await open('in Redis'), await open('in Redis')];
    await revoke(here, revocation());
    await server.kill();
    await until(async () => (await ask(there, identity('alice'))) === 'unknown', 5_000);
    expect(await ask(here, identity('bob'))).toBe('unknown');
    await server.restart();
    const answers = new Set<unknown>();
    await until(async () => {
      const answer = await ask(there, identity('alice'));
      answers.add(answer);
      return answer === true;
    }, 5_000);
    expect(answers).not.toContain(false);
    await until(async () => (await ask(here, identity('bob'))) === false, 5_000);
  });

  it('are told to Redis later where it was away, and the caller hears of it', async () => {
    const [here, there] = [await open('in Redis'), await open('in Redis')];
    await server.kill();
    await until(async () => (await ask(here, identity('alice'))) === 'unknown', 5_000);
    await expect(revoke(here, revocation())).rejects.toMatchObject({
      code: 'REVOCATION_UNAVAILABLE',
    });
    await server.restart();
    await until(async () => (await ask(there, identity('alice'))) !== 'unknown', 5_000);
    expect(await ask(there, identity('alice'))).toBe(true);
  });

  it('are not asked of a Redis that has gone silent for longer than a second, nor then again', async () => {
    const revocations = await open('in Redis');
    expect(await ask(revocations, identity('alice'))).toBe(false);
    server.freeze();
    try {
      const startedAt = performance.now();
      expect(await ask(revocations, identity('alice'))).toBe('unknown');
      const silentFor = performance.now() - startedAt;
      expect(silentFor).toBeLessThan(2_500);
      const againAt = performance.now();
      expect(await ask(revocations, identity('alice'))).toBe('unknown');
      expect(performance.now() - againAt).toBeLessThan(200);
    } finally {
      server.thaw();
    }
    await until(async () => (await ask(revocations, identity('alice'))) === false, 5_000);
  });

  it('are found in a list that somebody else keeps there', async () => {
    const revocations = await open('in Redis');
    const redis = opened[0]!.redis!;
    await redis.set('denied:jti-9', '1');
    const who = identity('bob', { id: 'jti-9' });
    expect(await revocations.isRevoked(who, 'denied:')).toBe(true);
    expect(await revocations.isRevoked(who, 'other:')).toBe(false);
    expect(await revocations.isRevoked(who)).toBe(false);
  });
});

describe('revocations kept in the process', () => {
  it('are asked of Postgres while nobody would tell of new ones', async () => {
    const [here, there] = [await open('in the process'), await open('in the process')];
    for (const one of [here, there]) {
      await until(async () => one.isRevoked(identity('alice')) === false, 2_000);
    }
    observed.length = 0;
    const superuser = openPool({ connectionString: database.superuserUrl, application: 'test' });
    await superuser.query({
      text: `select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and application_name = 'velocity listen'`,
    });
    await superuser.close();
    await until(
      async () => observed.filter(({ type }) => type === 'listen.disconnected').length >= 2,
      5_000,
    );
    await revoke(there, revocation());
    expect(await ask(here, identity('alice'))).toBe(true);
    // And listens again by itself: then it answers without asking.
    await until(async () => here.isRevoked(identity('alice')) === true, 5_000);
  });

  it('cannot say anything of a list in Redis', async () => {
    const revocations = await open('in the process');
    expect(() => revocations.isRevoked(identity('bob'), 'denied:')).toThrow(
      expect.objectContaining({ code: 'REVOCATION_UNAVAILABLE' }),
    );
  });
});
