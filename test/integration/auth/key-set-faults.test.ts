import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestIssuer } from '../../support/token-issuer.ts';
import { claimsFor, makeKey, signToken, startIssuer } from '../../support/token-issuer.ts';
import { until } from '../../support/until.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';

/** The issuer's keys are away: before the first token, and in the middle of load. */

/** At most one fetch in 30 s, so that is how long what is new may take to be believed. */
const believedWithinMs = 40_000;

const first = makeKey('ES256', 'first');
const second = makeKey('ES256', 'second');

let setup: TestApi;
let issuer: TestIssuer;
let api: ApiProcess;
let path: string;
let key: string;

beforeAll(async () => {
  setup = await openTestApi();
  issuer = await startIssuer([first]);
  const { namespace } = setup.tenant;
  const config = {
    issuers: [{ issuer: issuer.url, audience: 'velocity', claims: { roles: 'roles' } }],
  };
  await setup.provide(
    manifest('AuthStrategy', 'tokens', namespace, { type: 'jwt', config }),
    manifest('AuthStrategy', 'either', namespace, {
      type: 'composite',
      config: { children: ['tokens', 'keys'].map((name) => ({ name, namespace })) },
    }),
    setup.tenant.schema('parcel', {
      spec: {
        auth: { strategyRef: { name: 'either', namespace } },
        access: { roles: [{ role: 'clerk', operations: ['read'] }] },
      },
    }),
  );
  path = setup.path('parcel');
  key = await setup.keyFor('carla', ['clerk']);
  await issuer.stop();
  api = await spawnApi({
    VELOCITY_DATABASE_URL: setup.database.apiUrl,
    VELOCITY_OUTBOUND_ALLOW: '127.0.0.1',
  });
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await issuer?.stop();
  await setup?.close();
});

let made = 0;
/** A token that nobody has seen before. */
const token = (key = first, more: object = {}): string =>
  signToken(key, claimsFor(issuer, { roles: ['clerk'], jti: `t-${++made}`, ...more }));

async function statusOf(credential: string): Promise<number> {
  const headers = { authorization: `Bearer ${credential}` };
  const answer = await fetch(`${api.url}${path}`, { headers });
  await answer.text();
  return answer.status;
}

const fetches = (): number => issuer.asked.filter((url) => url === '/jwks').length;

describe('an issuer whose keys cannot be read', { timeout: 180_000 }, () => {
  it('has no token believed, while API keys are, and is believed by itself once it is there', async () => {
    expect([await statusOf(token()), await statusOf(token()), await statusOf(key)]).toEqual([
      ...[401, 401, 200],
    ]);
    await issuer.start();
    await until(async () => (await statusOf(token())) === 200, believedWithinMs);
  });

  it('killed in the middle of load has everybody served whose key is known, and nobody else', async () => {
    const known = token();
    const seen = { known: [] as number[], fresh: [] as number[], other: [] as number[] };
    let asking = true;
    const clients = [
      async () => void seen.known.push(await statusOf(known)),
      async () => void seen.fresh.push(await statusOf(token())),
      async () => void seen.other.push(await statusOf(token(second))),
    ].map(async (ask) => {
      while (asking) {
        await ask();
        await sleep(5);
      }
    });
    await sleep(1_000);
    const before = fetches();
    await issuer.stop();
    await sleep(2_000);
    asking = false;
    await Promise.all(clients);
    expect(new Set(seen.known)).toEqual(new Set([200]));
    expect(new Set(seen.fresh)).toEqual(new Set([200]));
    expect(new Set(seen.other)).toEqual(new Set([401]));
    expect(Math.min(...Object.values(seen).map(({ length }) => length))).toBeGreaterThan(50);
    expect(fetches() - before).toBeLessThanOrEqual(1);
    // What is not the key's fault is refused as ever.
    expect(await statusOf(token(first, { aud: 'another' }))).toBe(401);
    expect(await statusOf(token(first, { exp: 1 }))).toBe(401);
  });

  it('is believed with the keys that it comes back with', async () => {
    issuer.keys = [second];
    await issuer.start();
    await until(async () => (await statusOf(token(second))) === 200, believedWithinMs);
  });
});
