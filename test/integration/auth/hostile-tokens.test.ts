import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestIssuer } from '../../support/token-issuer.ts';
import { claimsFor, makeKey, signToken, startIssuer } from '../../support/token-issuer.ts';
import type { Armoury, HostileToken } from './hostile-tokens.ts';
import { algorithms, claims, confusedKeys, encodings, headers } from './hostile-tokens.ts';
import type { TokenApi } from './token-api.ts';
import { openTokenApi } from './token-api.ts';

/** Abuse 3 to 5, over a real connection: each token is refused, and nobody fetches what it names. */

const accepted = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
];
const keys = accepted.map((alg) => makeKey(alg, `key-${alg}`));

let opened: TokenApi;
let trap: TestIssuer;
let armoury: Armoury;
let url: string;
let sent = 0;

beforeAll(async () => {
  opened = await openTokenApi(keys);
  trap = await startIssuer([]);
  const own = ['RS256', 'ES256', 'EdDSA'].map((alg) => makeKey(alg, `own-${alg}`));
  armoury = { issuer: opened.issuer, keys, own, trap: trap.url };
  await opened.api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = opened.api.app.server.address() as AddressInfo;
  url = `http://127.0.0.1:${port}${opened.path}`;
});

afterAll(async () => {
  await opened.close();
  await trap.stop();
});

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly reason: string | undefined;
}

async function ask(authorization: Record<string, string>): Promise<Answer> {
  const { statusCode, body } = await request(url, { headers: authorization });
  const { code, details } = (await body.json()) as {
    readonly code?: string;
    readonly details?: { readonly reason?: string };
  };
  return { status: statusCode, code, reason: details?.reason };
}

const send = (token: string) => ask({ authorization: `Bearer ${token}` });

/** Those that are not answered 401 with one of the codes of authentication. */
async function acceptedAmong(tokens: Iterable<HostileToken>): Promise<string[]> {
  const wrong: string[] = [];
  for (const [trick, token] of tokens) {
    // What HTTP cannot carry in a header never arrives.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(token)) continue;
    sent++;
    const { status, code } = await send(token);
    const refused = status === 401 && /^AUTH_(INVALID_TOKEN|EXPIRED)$/.test(code ?? '');
    if (!refused) wrong.push(`${trick}: ${status} ${code}`);
  }
  return wrong;
}

describe('hostile tokens', () => {
  it.each(keys)('accepts a token without a trick: $alg', async (key) => {
    const good = claimsFor(opened.issuer, { roles: ['clerk'] });
    expect(await send(signToken(key, good))).toMatchObject({ status: 200 });
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt']) {
      expect(await send(signToken(key, good, { typ }))).toMatchObject({ status: 200 });
    }
  });

  it.each([
    ['algorithms that need no private key', algorithms],
    ['keys of others', confusedKeys],
    ['headers that bring their own key or rules', headers],
    ['claims that do not hold', claims],
    ['encodings that nobody writes', encodings],
  ] as const)(
    'refuses %s',
    async (_name, generate) => {
      expect(await acceptedAmong(generate(armoury))).toEqual([]);
    },
    120_000,
  );

  it('has tried several hundred of them, and fetched nothing for any', () => {
    expect(sent).toBeGreaterThan(700);
    expect(trap.asked).toEqual([]);
    // The first good token asked for the keys; unknown ones did so at most once in 30 s.
    expect(opened.issuer.asked.filter((path) => path === '/jwks').length).toBeLessThanOrEqual(5);
    expect(new Set(opened.issuer.asked)).toEqual(
      new Set(['/.well-known/openid-configuration', '/jwks']),
    );
  });

  it('takes a token from the Authorization header alone, once', async () => {
    const token = signToken(keys[0]!, claimsFor(opened.issuer, { roles: ['clerk'] }));
    expect(await send(token)).toMatchObject({ status: 200 });
    const elsewhere = [
      ...[{ 'x-api-key': token }, { cookie: `token=${token}` }, { authorization: token }],
      ...['Basic', 'Token', 'JWT', 'Bearer,', 'Bearer  '].map((scheme) => ({
        authorization: `${scheme} ${token}`,
      })),
      { authorization: `Bearer ${token} ${token}` },
      { authorization: `Bearer ${token}`, 'x-api-key': opened.api.adminKey },
    ];
    for (const sending of elsewhere)
      expect(await ask(sending), show(sending)).toMatchObject({
        ...{ status: 401, code: 'AUTH_INVALID_TOKEN' },
      });
    const { statusCode } = await request(`${url}?access_token=${token}`);
    expect(statusCode).toBe(401);
  });

  it('says what is wrong with a token', async () => {
    const [key] = keys;
    const good = claimsFor(opened.issuer, { roles: ['clerk'] });
    const now = Number(good['iat']);
    const reasons: [string, string][] = [
      ['malformed', 'a.b.c'],
      ['header', signToken(key!, good, { jku: trap.url })],
      ['algorithm', signToken(key!, good, { alg: 'none' })],
      ['type', signToken(key!, good, { typ: 'logout+jwt' })],
      ['key-unknown', signToken(key!, good, { kid: 'other' })],
      ['signature', `${signToken(key!, good).slice(0, -8)}AAAAAAAA`],
      ['audience', signToken(key!, { ...good, aud: 'other' })],
      ['expired', signToken(key!, { ...good, iat: now - 900, exp: now - 300 })],
      ['not-yet-valid', signToken(key!, { ...good, nbf: now + 60 })],
      ['lifetime', signToken(key!, { ...good, exp: now + 7_200 })],
      ['claims', signToken(key!, { ...good, sub: '' })],
    ];
    const told: unknown[] = [];
    for (const [, token] of reasons) told.push((await send(token)).reason);
    expect(told).toEqual(reasons.map(([reason]) => reason));
  });
});

const show = (headersSent: object): string => JSON.stringify(headersSent).slice(0, 60);
