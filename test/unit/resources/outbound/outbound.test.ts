import type { LookupAddress } from 'node:dns';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outbound } from '../../../../src/resources/outbound/outbound.ts';
import { openOutbound } from '../../../../src/resources/outbound/outbound.ts';
import { findAddressProblem } from '../../../../src/resources/outbound/outbound-address.ts';
import { reachableHosts } from '../../../../src/resources/outbound/reachable-hosts.ts';
import type { TestIssuer } from '../../../support/token-issuer.ts';
import { startIssuer } from '../../../support/token-issuer.ts';

/** Abuse 19: addresses inside the network, told by themselves or by the name that leads to them. */

const bounds = { bytesMax: 10_000, timeoutMs: 2_000 };
const inside = [
  ...['127.0.0.1', '127.1.2.3', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '169.254.169.254', '100.64.0.1', '192.0.0.1', '198.18.0.1', '224.0.0.1'],
  ...['240.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'fd12:3456::1', 'ff02::1'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1'],
  ...['2002:7f00:1::', '2001::1', '2001:db8::1', 'fec0::1'],
];
const outside = [
  '93.184.216.34',
  '8.8.8.8',
  '172.32.0.1',
  '11.0.0.1',
  '2606:4700::1111',
  '2a00::1',
];

let issuer: TestIssuer;
let port: string;
let resolved: (readonly string[])[];
let outbound: Outbound;

/** Answers in turn: a name that leads elsewhere from one look-up to the next. */
const resolve = async (): Promise<readonly LookupAddress[]> =>
  (resolved.length > 1 ? resolved.shift()! : resolved[0]!).map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }));

beforeAll(async () => {
  issuer = await startIssuer([]);
  port = new URL(issuer.url).port;
  outbound = openOutbound({ allowed: [], resolve });
});

afterAll(async () => {
  await outbound.close();
  await issuer.stop();
});

describe('calls out of the installation', () => {
  it.each(inside)('are not made to %s, as an address or behind a name', async (address) => {
    resolved = [[address]];
    const host = address.includes(':') ? `[${address}]` : address;
    const problem = findAddressProblem(`https://${host}/jwks`, reachableHosts([]));
    expect(problem?.rule).toBe('address-private');
    for (const url of [`https://${host}:${port}/jwks`, `https://keys.example.com:${port}/jwks`]) {
      await expect(outbound.fetchJson(url, bounds)).rejects.toThrow(/inside the network/);
    }
    // And not by whoever brings a client of their own.
    for (const url of [`http://${host}:${port}/jwks`, `http://keys.example.com:${port}/jwks`]) {
      await expect(request(url, { dispatcher: outbound.dispatcher })).rejects.toThrow(
        /inside the network/,
      );
    }
    expect(issuer.asked).toEqual([]);
  });

  it.each(outside)('are let through to %s', (address) => {
    const host = address.includes(':') ? `[${address}]` : address;
    expect(findAddressProblem(`https://${host}/jwks`, reachableHosts([]))).toBeUndefined();
    expect(reachableHosts([]).allows('keys.example.com', address)).toBe(true);
  });

  it('are not made where a name first leads outside and then inside (rebinding)', async () => {
    const hosts = reachableHosts([]);
    const url = `http://rebound.example.com:${port}/jwks`;
    expect(findAddressProblem('https://rebound.example.com/jwks', hosts)).toBeUndefined();
    resolved = [['93.184.216.34'], ['127.0.0.1']];
    // What was looked up before, by whoever, is not what counts.
    expect(await resolve()).toMatchObject([{ address: '93.184.216.34' }]);
    await expect(request(url, { dispatcher: outbound.dispatcher })).rejects.toThrow(
      'rebound.example.com leads to 127.0.0.1, which is inside the network',
    );
    expect(issuer.asked).toEqual([]);
  });

  it('are not made where one of several addresses is inside', async () => {
    resolved = [['93.184.216.34', '10.0.0.1']];
    const url = `http://mixed.example.com:${port}/jwks`;
    await expect(request(url, { dispatcher: outbound.dispatcher })).rejects.toThrow('10.0.0.1');
  });

  it('connect to the address that was judged, not to what a second look-up would say', async () => {
    const pinned = openOutbound({ allowed: ['127.0.0.0/8'], resolve });
    resolved = [['127.0.0.1'], ['127.0.0.99']];
    const url = `http://pinned.example.com:${port}/.well-known/openid-configuration`;
    const { statusCode, body } = await request(url, { dispatcher: pinned.dispatcher });
    expect(statusCode).toBe(200);
    await body.dump();
    await pinned.close();
  });

  it.each([
    'https://localhost/jwks',
    'https://keys.localhost/jwks',
    'https://keycloak/jwks',
    'https://keycloak.auth.svc/jwks',
    'https://keycloak.auth.svc.cluster.local/jwks',
    'https://metadata.google.internal/jwks',
    'https://2130706433/jwks',
    'https://0x7f.1/jwks',
    'https://0177.0.0.1/jwks',
    'https://127.1/jwks',
    'https://localhost./jwks',
    'https://LOCALHOST/jwks',
    'https://①②⑦.0.0.1/jwks',
  ])('are not admitted to %s', (url) => {
    expect(findAddressProblem(url, reachableHosts([]))?.rule).toBe('address-private');
  });

  it.each([
    ['', 'address'],
    ['keys.example.com/jwks', 'address'],
    ['ftp://keys.example.com/jwks', 'address'],
    ['file:///etc/passwd', 'address'],
    ['javascript:alert(1)', 'address'],
    ['https://user:secret@keys.example.com/jwks', 'address'],
    ['https://keys.example.com/jwks#x', 'address'],
    ['http://keys.example.com/jwks', 'address-plain'],
  ])('are not admitted to %j', (url, rule) => {
    expect(findAddressProblem(url, reachableHosts([]))?.rule).toBe(rule);
  });

  it('are made to what the configuration names, and to nothing beside it', async () => {
    const hosts = reachableHosts(['10.1.0.0/16', 'keycloak.auth.svc', '*.corp.example', '::1']);
    for (const url of [
      'https://10.1.2.3/jwks',
      'http://10.1.2.3/jwks',
      'http://keycloak.auth.svc/jwks',
      'http://keycloak.auth.svc./jwks',
      'https://a.b.corp.example/jwks',
      'https://[::1]/jwks',
    ]) {
      expect(findAddressProblem(url, hosts), url).toBeUndefined();
    }
    for (const url of ['https://10.2.0.1/jwks', 'https://other.auth.svc/', 'https://127.0.0.1/x']) {
      expect(findAddressProblem(url, hosts)?.rule, url).toBe('address-private');
    }
    expect(hosts.allows('keycloak.auth.svc', '10.9.9.9')).toBe(true);
    expect(hosts.allows('public.example', '10.1.9.9')).toBe(true);
    expect(hosts.allows('public.example', '10.9.9.9')).toBe(false);
    expect(hosts.allows('xkeycloak.auth.svc', '10.9.9.9')).toBe(false);
    expect(hosts.names('corp.example')).toBe(false);
  });

  it('end within their time and size', async () => {
    const allowed = openOutbound({ allowed: ['127.0.0.1'] });
    const url = `${issuer.url}/slow`;
    issuer.intercept = (_request, response) => {
      response.writeHead(200);
      response.write('[');
      return true;
    };
    const startedAt = performance.now();
    await expect(allowed.fetchJson(url, { bytesMax: 100, timeoutMs: 200 })).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    issuer.intercept = (_request, response) => {
      response.writeHead(200).end(JSON.stringify('x'.repeat(200)));
      return true;
    };
    await expect(allowed.fetchJson(url, { bytesMax: 100, timeoutMs: 2_000 })).rejects.toThrow(
      'more than 100 bytes',
    );
    issuer.intercept = undefined;
    await allowed.close();
  });
});
