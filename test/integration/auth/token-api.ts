import type { LightMyRequestResponse } from 'fastify';
import { manifest } from '../../support/manifests.ts';
import type { SigningKey, TestIssuer } from '../../support/token-issuer.ts';
import { makeKey, startIssuer } from '../../support/token-issuer.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';

/** An API with one issuer, and a schema `parcel` that accepts its tokens alone. */
export interface TokenApi {
  readonly api: TestApi;
  readonly issuer: TestIssuer;
  readonly key: SigningKey;
  readonly path: string;
  strategy(name: string, spec: object): object;
  get(token: string | undefined, path?: string): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

export const parcelFields = [
  { name: 'title', type: 'string', required: true, filterable: true },
  { name: 'region', type: 'string', filterable: true },
];

export const parcelAccess = {
  roles: [
    { role: 'clerk', operations: ['create', 'read', 'update', 'delete'] },
    { role: 'reader', operations: ['read'] },
  ],
};

export async function openTokenApi(keys = [makeKey('ES256', 'first')]): Promise<TokenApi> {
  const api = await openTestApi();
  const issuer = await startIssuer(keys);
  const { namespace } = api.tenant;
  const strategy = (name: string, spec: object) => manifest('AuthStrategy', name, namespace, spec);
  const config = {
    issuers: [
      {
        issuer: issuer.url,
        audience: 'velocity',
        claims: { roles: 'roles', attributes: { region: 'region' } },
      },
    ],
    clockSkew: '10s',
    ttlMax: '1h',
  };
  const auth = { strategyRef: { name: 'tokens', namespace } };
  await api.provide(
    strategy('tokens', { type: 'jwt', config }),
    api.tenant.schema('parcel', { fields: parcelFields, spec: { auth, access: parcelAccess } }),
  );
  const path = api.path('parcel');
  return {
    ...{ api, issuer, path, strategy },
    key: keys[0]!,
    get: (token, url = path) => api.call(token, { method: 'GET', url }),
    close: async () => {
      await api.close();
      await issuer.stop();
    },
  };
}
