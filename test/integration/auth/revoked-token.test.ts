import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnRedis } from '../../support/redis.ts';
import { startRedis } from '../../support/redis.ts';
import { claimsFor, signToken } from '../../support/token-issuer.ts';
import { until } from '../../support/until.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { TokenApi } from './token-api.ts';
import { openTokenApi } from './token-api.ts';

/** Abuse case 7 for tokens: verified ones are remembered, whether they are revoked never is. */

let opened: TokenApi;
let redis: OwnRedis;
let replicas: ApiProcess[];

beforeAll(async () => {
  [opened, redis] = await Promise.all([openTokenApi(), startRedis()]);
  const env = {
    VELOCITY_DATABASE_URL: opened.api.database.apiUrl,
    VELOCITY_REDIS_URL: redis.url,
    VELOCITY_OUTBOUND_ALLOW: '127.0.0.1/32',
  };
  replicas = await Promise.all([spawnApi(env), spawnApi(env)]);
});

afterAll(async () => {
  for (const replica of replicas ?? []) replica.kill('SIGKILL');
  await Promise.all((replicas ?? []).map((replica) => replica.exited));
  await Promise.all([opened?.close(), redis?.stop()]);
});

async function ask(replica: number, token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await request(`${replicas[replica]?.url}${opened.path}`, { headers });
  const { code } = (await answer.body.json()) as { readonly code?: string };
  return code ?? answer.statusCode;
}

async function revoke(kind: 'token' | 'actor', id: string): Promise<string | null> {
  const { organisation } = opened.api.tenant;
  const answer = await request(`${replicas[0]?.url}/api/platform/revocations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${opened.api.adminKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ kind, id, organisation }),
  });
  expect(answer.statusCode).toBe(201);
  return ((await answer.body.json()) as { data: { endsAt: string | null } }).data.endsAt;
}

describe('a token that is revoked in one replica', () => {
  it('is refused at once by the other, and the actor’s other tokens once the actor is', async () => {
    const tokenOf = (jti: string) =>
      signToken(opened.key, claimsFor(opened.issuer, { jti, sub: 'tina', roles: ['reader'] }));
    const [one, two] = [tokenOf('one'), tokenOf('two')];
    for (const replica of [0, 1]) {
      for (const token of [one, two]) {
        await until(async () => (await ask(replica, token)) === 200, 5_000);
      }
    }
    const endsAt = Date.parse((await revoke('token', 'one')) ?? '');
    expect([await ask(1, one), await ask(0, one)]).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED']);
    expect([await ask(1, two), await ask(0, two)]).toEqual([200, 200]);
    // For as long as the strategy would accept a token that was issued now.
    expect(endsAt - Date.now()).toBeGreaterThan(3_600_000);
    await revoke('actor', 'tina');
    expect([await ask(1, two), await ask(0, two)]).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED']);
    expect(await ask(1, tokenOf('three'))).toBe('AUTH_REVOKED');
  });
});
