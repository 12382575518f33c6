import { describe, expect, it } from 'vitest';
import type { AuthStrategy, TokenIssuer } from '../../../../src/contract/kinds.ts';
import { reachableHosts } from '../../../../src/resources/outbound/reachable-hosts.ts';
import { acme, admitNew, apiVersion, problemsOf } from './manifests.ts';

const issuer: TokenIssuer = { issuer: 'https://login.example.com', audience: 'velocity' };

function strategy(over: Partial<TokenIssuer> = {}, config: object = {}): AuthStrategy {
  return {
    apiVersion,
    kind: 'AuthStrategy',
    metadata: { name: 'tokens', namespace: 'acme-shop-orders' },
    spec: { type: 'jwt', config: { issuers: [{ ...issuer, ...over }], ...config } },
  };
}

const judged = (resource: AuthStrategy, allowed: readonly string[] = []) =>
  problemsOf(resource, acme, { reachable: reachableHosts(allowed) });
const at = '/spec/config/issuers/0';

describe('admission › strategies of type jwt', () => {
  it('accepts an issuer with an audience, discovered or not', () => {
    expect(judged(strategy())).toEqual([]);
    expect(judged(strategy({ jwksUrl: 'https://keys.example.com/jwks?v=2' }))).toEqual([]);
    expect(judged(strategy({ issuer: 'acme-ci', jwksUrl: 'https://ci.example.com/keys' }))).toEqual(
      [],
    );
    expect(judged(strategy({ jwksUrl: '' }))).toEqual([]);
  });

  it('refuses an issuer whose tokens could be for anybody', () => {
    const { audience: _, ...open } = issuer;
    const refused = strategy();
    refused.spec.config.issuers = [open];
    expect(judged(refused)).toEqual([`${at}/audience auth-audience`]);
    expect(judged(strategy({ audience: '' }))).toEqual([`${at}/audience auth-audience`]);
  });

  it.each([
    'https://127.0.0.1/jwks',
    'https://[::1]/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost:8443/jwks',
    'https://keycloak.auth.svc/jwks',
    'https://10.0.0.5/jwks',
    'https://2130706433/jwks',
  ])('refuses %s, inside the network, unless the installation allows it', (jwksUrl) => {
    expect(judged(strategy({ jwksUrl }))).toEqual([`${at}/jwksUrl address-private`]);
    expect(judged(strategy({ issuer: jwksUrl }))).toEqual([`${at}/issuer address-private`]);
    const allowed = ['0.0.0.0/0', '::/0', 'localhost', '*.svc'];
    expect(judged(strategy({ jwksUrl }), allowed)).toEqual([]);
  });

  it('tells, and does not refuse, where nobody knows what the installation allows', () => {
    const { problems, warnings } = admitNew(strategy({ jwksUrl: 'https://10.0.0.5/jwks' }));
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('VELOCITY_OUTBOUND_ALLOW')]);
  });

  it.each([
    ['http://login.example.com', 'address-plain'],
    ['login.example.com', 'address'],
    ['https://login.example.com?tenant=1', 'address'],
    ['https://user@login.example.com', 'address'],
  ])('refuses the issuer %s', (text, rule) => {
    expect(judged(strategy({ issuer: text }))).toEqual([`${at}/issuer ${rule}`]);
  });

  it('refuses claim mappings that cannot work, each at its place', () => {
    const claims = {
      actorId: { path: 'sub', transform: 'static_append', args: 'x' },
      email: { path: '' },
      roles: { path: 'roles', transform: 'regex_extract', args: '(a)\\1' },
      attributes: { region: { path: 'r', transform: 'lookup' }, team: 'team' },
    } as TokenIssuer['claims'];
    expect(judged(strategy({ ...(claims && { claims }) }))).toEqual([
      `${at}/claims/email claim-mapping`,
      `${at}/claims/roles claim-mapping`,
      `${at}/claims/attributes/region claim-mapping`,
      `${at}/claims/actorId claim-mapping`,
    ]);
  });

  it('refuses a clock skew that keeps tokens alive', () => {
    expect(judged(strategy({}, { clockSkew: '5m' }))).toEqual([]);
    expect(judged(strategy({}, { clockSkew: '6m' }))).toEqual([
      '/spec/config/clockSkew auth-clock-skew',
    ]);
  });
});
