import { describe, expect, it } from 'vitest';
import type { AuthStrategy, OidcConfig } from '../../../../src/contract/kinds.ts';
import { reachableHosts } from '../../../../src/resources/outbound/reachable-hosts.ts';
import { apiVersion, problemsOf } from './manifests.ts';

const settings: OidcConfig = {
  issuer: 'https://id.example.com',
  clientId: 'velocity',
  clientSecretRef: { name: 'idp', key: 'client-secret' },
  redirectUri: 'https://velocity.example.com/auth/callback',
};

function problems(over: Partial<OidcConfig>, allowed: readonly string[] = []): string[] {
  const oidc = { ...settings, ...over };
  const strategy: AuthStrategy = {
    ...{ apiVersion, kind: 'AuthStrategy', spec: { type: 'oidc', config: { oidc } } },
    metadata: { name: 'people', namespace: 'acme-shop-orders' },
  };
  const reachable = reachableHosts(allowed);
  return problemsOf(strategy, undefined, { reachable }).map((one) =>
    one.replace('/spec/config/oidc', ''),
  );
}

describe('admission › how people sign in', () => {
  it('accepts an issuer or the address of its document', () => {
    expect(problems({})).toEqual([]);
    const { issuer: _, ...without } = settings;
    const configUrl = 'https://id.example.com/.well-known/openid-configuration';
    expect(problems({ ...without, configUrl })).toEqual([]);
    expect(problems({ issuer: '' })).toEqual([' oidc-issuer']);
  });

  it('wants to come back to the callback of an address that browsers trust', () => {
    for (const redirectUri of [
      ...['http://localhost:8080/auth/callback', 'http://127.0.0.1:8080/auth/callback'],
      'https://velocity.example.com:8443/auth/callback',
    ]) {
      expect(problems({ redirectUri }), redirectUri).toEqual([]);
    }
    for (const redirectUri of [
      ...['http://velocity.example.com/auth/callback', 'https://velocity.example.com/callback'],
      ...[
        'https://velocity.example.com/auth/callback?a=b',
        'https://velocity.example.com/auth/callback#a',
      ],
      ...['http://localhost.evil.example/auth/callback', '/auth/callback', 'javascript:alert(1)'],
      'https://user@velocity.example.com/auth/callback',
    ]) {
      expect(problems({ redirectUri }), redirectUri).toEqual(['/redirectUri oidc-redirect']);
    }
  });

  it('refuses what lies inside of the network, unless the installation names it', () => {
    for (const member of ['issuer', 'tokenEndpoint', 'userinfoEndpoint'] as const) {
      const over = { [member]: 'https://10.0.0.7/path' };
      expect(problems(over), member).toHaveLength(1);
      expect(problems(over, ['10.0.0.7']), member).toEqual([]);
    }
    expect(problems({ issuer: 'http://id.example.com' })).toHaveLength(1);
    expect(problems({ issuer: 'http://id.example.com' }, ['id.example.com'])).toEqual([]);
  });

  it('bounds scopes and the life of a session', () => {
    expect(problems({ scopes: ['openid', 'a b'] })).toEqual(['/scopes/1 oidc-scope']);
    expect(problems({ sessionTtl: '30d' })).toEqual([]);
    expect(problems({ sessionTtl: '31d' })).toEqual(['/sessionTtl oidc-session-ttl']);
  });
});
