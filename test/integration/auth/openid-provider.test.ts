import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { parcelAccess, parcelFields } from './token-api.ts';

/** Access tokens of an OpenID provider that knows nothing of us: discovered, fetched and verified. */

const client = { id: 'robot', secret: 's'.repeat(32) };

let api: TestApi;
let server: Server;
let issuer: string;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', makeProvider(issuer).callback());
  const { namespace } = api.tenant;
  const claims = { roles: { path: 'scope', transform: 'split' } };
  const config = { issuers: [{ issuer, audience: 'velocity', claims }], ttlMax: '1h' };
  await api.provide(
    manifest('AuthStrategy', 'provider', namespace, { type: 'jwt', config }),
    api.tenant.schema('parcel', {
      fields: parcelFields,
      spec: { auth: { strategyRef: { name: 'provider', namespace } }, access: parcelAccess },
    }),
  );
  path = api.path('parcel');
});

afterAll(async () => {
  await api?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function makeProvider(url: string): Provider {
  return new Provider(url, {
    clients: [
      {
        ...{ client_id: client.id, client_secret: client.secret, redirect_uris: [] },
        ...{ grant_types: ['client_credentials'], response_types: [], scope: 'clerk reader' },
      },
    ],
    scopes: ['clerk', 'reader'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          audience: resource.slice('https://'.length),
          scope: 'clerk reader',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
        }),
      },
    },
  });
}

async function tokenFor(resource: string, scope: string): Promise<string> {
  const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64');
  const { body } = await request(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }).toString(),
  });
  const answer = (await body.json()) as { readonly access_token?: string };
  expect(answer.access_token, JSON.stringify(answer)).toBeDefined();
  return answer.access_token ?? '';
}

describe('an OpenID provider', () => {
  it('says by its tokens who calls and which roles they have', async () => {
    const clerk = await tokenFor('https://velocity', 'clerk');
    const made = await api.call(clerk, { method: 'POST', url: path, payload: { title: 'one' } });
    expect(made.statusCode, made.body).toBe(201);
    expect(made.json()).toMatchObject({ data: { created_by: client.id } });
    const reader = await tokenFor('https://velocity', 'reader');
    expect((await api.call(reader, { method: 'GET', url: path })).statusCode).toBe(200);
    const denied = await api.call(reader, { method: 'POST', url: path, payload: { title: 'two' } });
    expect(denied.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
  });

  it('is not believed in what it says to somebody else', async () => {
    const elsewhere = await tokenFor('https://billing', 'clerk');
    const refused = await api.call(elsewhere, { method: 'GET', url: path });
    expect(refused.json()).toMatchObject({ status: 401, details: { reason: 'audience' } });
  });
});
