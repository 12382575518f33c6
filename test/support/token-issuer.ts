import type { KeyObject } from 'node:crypto';
import { constants, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A real server with a discovery document and keys, on 127.0.0.1. */
export interface TestIssuer {
  readonly url: string;
  readonly jwksUrl: string;
  /** Paths that were asked, in order. */
  readonly asked: string[];
  /** What it publishes; change it to rotate. */
  keys: SigningKey[];
  /** Answers instead of the server itself where it answers true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Nobody listens any more; the address stays its own. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Test keys are made once a file: an RSA pair takes 100 ms and more. */
export function makeKey(alg: string, kid: string): SigningKey {
  const pair = /^(RS|PS)/.test(alg)
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : alg.startsWith('ES')
      ? generateKeyPairSync('ec', { namedCurve: curves[alg]! })
      : generateKeyPairSync('ed25519');
  return { kid, alg, ...pair };
}

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** The signature of `alg` over the text, as JWS writes it. */
export function signatureOf(alg: string, key: KeyObject, text: string): Buffer {
  const data = Buffer.from(text);
  const digest = `sha${alg.slice(2)}`;
  if (alg.startsWith('RS')) return signBytes(digest, data, key);
  if (alg.startsWith('PS')) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return signBytes(digest, data, { key, padding, saltLength: Number(alg.slice(2)) / 8 });
  }
  if (alg.startsWith('ES')) return signBytes(digest, data, { key, dsaEncoding: 'ieee-p1363' });
  return signBytes(null, data, key);
}

export function encodePart(part: unknown): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(text).toString('base64url');
}

/** A token by this key; `header` adds to `{alg, kid}`, undefined members leave out. */
export function signToken(key: SigningKey, claims: unknown, header: object = {}): string {
  const input = `${encodePart({ alg: key.alg, kid: key.kid, ...header })}.${encodePart(claims)}`;
  return `${input}.${signatureOf(key.alg, key.privateKey, input).toString('base64url')}`;
}

/** Claims of a good token for this issuer, alive for ten minutes. */
export function claimsFor(issuer: TestIssuer, more: object = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1_000);
  return { iss: issuer.url, aud: 'velocity', sub: 'ada', iat: now, exp: now + 600, ...more };
}

export async function startIssuer(keys: SigningKey[]): Promise<TestIssuer> {
  let server: Server | undefined;
  let port = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    issuer.asked.push(request.url ?? '');
    if (issuer.intercept?.(request, response) === true) return;
    const body =
      request.url === '/jwks'
        ? { keys: issuer.keys.map(publish) }
        : request.url === '/.well-known/openid-configuration'
          ? { issuer: issuer.url, jwks_uri: issuer.jwksUrl }
          : undefined;
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  };
  const issuer = {
    url: '',
    jwksUrl: '',
    asked: [] as string[],
    keys,
    intercept: undefined as TestIssuer['intercept'],
    start: async () => {
      const next = createServer(answer);
      server = next;
      await new Promise<void>((resolve, reject) => {
        next.once('error', reject);
        next.listen(port, '127.0.0.1', resolve);
      });
      port = (next.address() as AddressInfo).port;
    },
    stop: async () => {
      const last = server;
      server = undefined;
      last?.closeAllConnections();
      await new Promise((resolve) => (last === undefined ? resolve(null) : last.close(resolve)));
    },
  };
  await issuer.start();
  issuer.url = `http://127.0.0.1:${port}`;
  issuer.jwksUrl = `${issuer.url}/jwks`;
  return issuer;
}

function publish({ kid, alg, publicKey }: SigningKey): object {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}
