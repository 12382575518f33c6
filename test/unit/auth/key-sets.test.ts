import { generateKeyPairSync } from 'node:crypto';
import type { CryptoKey } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeySets } from '../../../src/auth/jwt/key-sets.ts';
import { createKeySets } from '../../../src/auth/jwt/key-sets.ts';
import { parseToken } from '../../../src/auth/jwt/parse-token.ts';
import { tokenStrategyOf } from '../../../src/auth/jwt/token-strategy.ts';
import { verifyToken } from '../../../src/auth/jwt/verify-token.ts';
import type { Observation } from '../../../src/observe.ts';
import type { Outbound } from '../../../src/resources/outbound/outbound.ts';
import { openOutbound } from '../../../src/resources/outbound/outbound.ts';
import type { StrategyEntry } from '../../../src/resources/registry/snapshot.ts';
import type { TestIssuer } from '../../support/token-issuer.ts';
import { claimsFor, makeKey, signToken, startIssuer } from '../../support/token-issuer.ts';

/** Abuse 6, and an issuer that is away: over a real server, by a clock of the test's own. */

const first = makeKey('ES256', 'first');
const second = makeKey('ES256', 'second');
const headerOf = (kid: string) => ({ alg: 'ES256', kid }) as const;

let outbound: Outbound;
let issuer: TestIssuer;
let keySets: KeySets;
let observed: Observation[];
let nowMs: number;

beforeAll(async () => {
  outbound = openOutbound({ allowed: ['127.0.0.1'] });
  issuer = await startIssuer([first]);
});

beforeEach(async () => {
  await issuer.stop();
  await issuer.start();
  issuer.keys = [first];
  issuer.intercept = undefined;
  issuer.asked.length = 0;
  observed = [];
  nowMs = 1_000;
  keySets = createKeySets({
    outbound,
    observe: (observation) => void observed.push(observation),
    now: () => nowMs,
  });
});

afterAll(async () => {
  await outbound.close();
  await issuer.stop();
});

const source = () => ({ issuer: issuer.url, jwksUrl: issuer.jwksUrl });
const find = (kid: string) => keySets.findKey(source(), headerOf(kid));
const fetches = () => issuer.asked.filter((path) => path === '/jwks').length;

function reasonOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'found',
    (error: { readonly details?: { readonly reason: string } }) => error.details?.reason,
  );
}

describe('the keys of an issuer', () => {
  it('are asked for once, however many tokens come at first', async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => find('first')));
    expect(new Set(found.map(({ type }) => type))).toEqual(new Set(['public']));
    expect(fetches()).toBe(1);
  });

  it('cost one fetch in 30 s under a flood of unknown kids', async () => {
    const flood = async (n: number) =>
      new Set(
        await Promise.all(
          Array.from({ length: n }, (_, i) => reasonOf(find(`none-${nowMs}-${i}`))),
        ),
      );
    expect(await flood(500)).toEqual(new Set(['key-unknown']));
    expect(fetches()).toBe(1);
    nowMs += 29_999;
    expect(await flood(500)).toEqual(new Set(['key-unknown']));
    expect(fetches()).toBe(1);
    nowMs += 1;
    expect(await flood(500)).toEqual(new Set(['key-unknown']));
    expect(fetches()).toBe(2);
    expect(await reasonOf(find('first'))).toBe('found');
  });

  it('are believed ten minutes, and then only if the issuer still says so', async () => {
    await find('first');
    issuer.keys = [second];
    nowMs += 599_999;
    expect(await reasonOf(find('first'))).toBe('found');
    expect(fetches()).toBe(1);
    nowMs += 1;
    expect(await reasonOf(find('first'))).toBe('key-unknown');
    expect(await reasonOf(find('second'))).toBe('found');
    expect(fetches()).toBe(2);
  });

  it('are found after a rotation, 30 s after the last fetch at the latest', async () => {
    await find('first');
    issuer.keys = [first, second];
    nowMs += 1_000;
    expect(await reasonOf(find('second'))).toBe('key-unknown');
    nowMs += 29_000;
    expect(await reasonOf(find('second'))).toBe('found');
    expect(await reasonOf(find('first'))).toBe('found');
    expect(fetches()).toBe(2);
  });

  it('stay the last good ones while the issuer is away, and are refused without any', async () => {
    await find('first');
    await issuer.stop();
    nowMs += 3_600_000;
    expect(await reasonOf(find('first'))).toBe('found');
    expect(await reasonOf(find('second'))).toBe('key-unknown');
    expect(observed.map(({ type }) => type)).toEqual(['keyset.fetched', 'keyset.failed']);
    const other = { issuer: issuer.url, jwksUrl: `${issuer.url}/other` };
    expect(await reasonOf(keySets.findKey(other, headerOf('first')))).toBe('keys-unavailable');
    // And by themselves when it is back.
    await issuer.start();
    issuer.keys = [second];
    nowMs += 30_000;
    expect(await reasonOf(find('second'))).toBe('found');
    expect(await reasonOf(find('first'))).toBe('key-unknown');
  });

  it.each([
    ['not found', 404, '{}'],
    ['no JSON', 200, '<html>'],
    ['no set', 200, '{"keys":{}}'],
    ['nothing', 200, ''],
    ['null', 200, 'null'],
    ['too many', 200, JSON.stringify({ keys: Array.from({ length: 201 }, () => ({})) })],
    ['too large', 200, JSON.stringify({ keys: [], filler: 'x'.repeat(300_000) })],
  ])('are not taken from an answer that is %s', async (_name, status, body) => {
    await find('first');
    issuer.intercept = (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      return true;
    };
    nowMs += 600_000;
    expect(await reasonOf(find('first'))).toBe('found');
    expect(observed.at(-1)).toMatchObject({ type: 'keyset.failed', issuer: issuer.url });
  });

  it('are not asked for where a redirect leads', async () => {
    const elsewhere = await startIssuer([second]);
    issuer.intercept = (_request, response) => {
      response.writeHead(302, { location: elsewhere.jwksUrl }).end();
      return true;
    };
    expect(await reasonOf(find('second'))).toBe('keys-unavailable');
    expect(elsewhere.asked).toEqual([]);
    await elsewhere.stop();
  });

  it('are public ones for signatures: no secret, no private key, none for encryption', async () => {
    const jwk = first.publicKey.export({ format: 'jwk' });
    const secret = { kty: 'oct', k: Buffer.from('secret').toString('base64url') };
    issuer.intercept = (_request, response) => {
      const keys = [
        { ...secret, kid: 'secret' },
        { ...first.privateKey.export({ format: 'jwk' }), kid: 'private' },
        { ...jwk, kid: 'encryption', use: 'enc' },
        { ...jwk, kid: 'agreement', key_ops: ['deriveBits'] },
        { ...jwk, kid: 'other-alg', alg: 'ES384' },
        { ...jwk, kid: 'other-curve', crv: 'P-384' },
        { ...jwk, kid: 'good' },
        ...[null, 1, 'x', []],
      ];
      response.writeHead(200).end(JSON.stringify({ keys }));
      return true;
    };
    const kids = ['secret', 'private', 'encryption', 'agreement', 'other-alg', 'other-curve'];
    for (const kid of kids) expect(await reasonOf(find(kid)), kid).toBe('key-unknown');
    expect(await reasonOf(find('good'))).toBe('found');
  });

  it('of fewer than 2048 bits verify nothing', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = { kid: 'weak', alg: 'RS256', privateKey, publicKey };
    issuer.keys = [weak];
    const text = signToken(weak, claimsFor(issuer));
    const entry: StrategyEntry = {
      ...{ ref: 'acme/tokens', namespace: 'acme', name: 'tokens', organisation: 'acme' },
      spec: { type: 'jwt', config: { issuers: [{ issuer: issuer.url, audience: 'velocity' }] } },
    };
    const strategy = tokenStrategyOf(entry);
    const trusted = strategy.issuers.get(issuer.url)!;
    const presented = { text, parsed: parseToken(text), strategy, issuer: trusted };
    const verified = verifyToken({ ...presented, organisation: 'acme' }, keySets, Date.now());
    expect(await reasonOf(verified)).toBe('signature');
    expect(issuer.asked).toContain('/jwks');
  });

  it('are chosen without a kid where only one can be meant', async () => {
    const anonymous = () => reasonOf(keySets.findKey(source(), { alg: 'ES256' }));
    expect(await anonymous()).toBe('found');
    issuer.keys = [first, second];
    nowMs += 600_000;
    expect(await anonymous()).toBe('key-unknown');
  });

  it('are discovered by a document that speaks for this very issuer', async () => {
    const discovered = () => ({ issuer: issuer.url, jwksUrl: undefined });
    expect(await reasonOf(keySets.findKey(discovered(), headerOf('first')))).toBe('found');
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
    const impostor = { issuer: `${issuer.url}/tenant`, jwksUrl: undefined };
    issuer.intercept = (_request, response) => {
      response.writeHead(200).end(JSON.stringify({ issuer: issuer.url, jwks_uri: issuer.jwksUrl }));
      return true;
    };
    expect(await reasonOf(keySets.findKey(impostor, headerOf('first')))).toBe('keys-unavailable');
  });

  it('of two sources are kept apart, though both name one issuer', async () => {
    const rival = await startIssuer([makeKey('ES256', 'first')]);
    const theirs = await keySets.findKey(
      { issuer: issuer.url, jwksUrl: rival.jwksUrl },
      headerOf('first'),
    );
    const ours = await find('first');
    const text = (key: CryptoKey) => crypto.subtle.exportKey('jwk', key).then(({ x }) => x);
    expect(await text(ours)).toBe(first.publicKey.export({ format: 'jwk' }).x);
    expect(await text(theirs)).not.toBe(await text(ours));
    await rival.stop();
  });
});
