import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { exportJWK } from 'jose';
import type { Configuration } from 'oidc-provider';
import { Provider } from 'oidc-provider';
import { findFreePort } from '../../src/process/dev/ports.ts';

export interface TestIssuer {
  readonly url: string;
  readonly clientSecret: string;
  /** The audience of its access tokens. */
  readonly resource: string;
  /** What it says of a person, beside `sub`; may change at any time. */
  readonly people: Map<string, Record<string, unknown>>;
  /** Requests that have arrived, as `POST /token refresh_token`. */
  readonly asked: string[];
  /** Takes every grant of a person back, as an administrator would. */
  revokeGrants(): void;
  /** Nothing answers until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

export interface IssuerOptions {
  /** Origins that browsers come back to. */
  readonly origins: readonly string[];
  /** Refuses codes that were asked for without PKCE; on unless it is said. */
  readonly requirePkce?: boolean;
  /** Seconds. */
  readonly accessTokenTtl?: number;
  readonly deviceCodeTtl?: number;
}

export const cliClientId = 'velocity-cli';
export const webClientId = 'velocity';

/** A real OpenID provider, with pages to sign in at by any name and password. */
export async function startIssuer(options: IssuerOptions): Promise<TestIssuer> {
  const port = await findFreePort();
  const url = `http://localhost:${port}`;
  const people: TestIssuer['people'] = new Map();
  const asked: string[] = [];
  const clientSecret = 'a secret that the issuer and the platform share';
  const resource = 'https://velocity.example/api';
  const store = new Map<string, Stored>();
  const provider = new Provider(url, {
    ...(await configuration(options, { clientSecret, resource, people })),
    adapter: memoryAdapter(store),
  });
  const handle = provider.callback();
  let server: Server;
  const listen = async (): Promise<void> => {
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url?.split('?')[0]}`);
      void handle(request, response);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await listen();
  return {
    ...{ url, clientSecret, resource, people, asked },
    revokeGrants: () => {
      for (const key of store.keys()) if (/^(Grant|RefreshToken):/.test(key)) store.delete(key);
    },
    goAway: stop,
    comeBack: listen,
    close: stop,
  };
}

async function configuration(
  { origins, requirePkce = true, accessTokenTtl = 300, deviceCodeTtl = 600 }: IssuerOptions,
  { clientSecret, resource, people }: Pick<TestIssuer, 'clientSecret' | 'resource' | 'people'>,
): Promise<Configuration> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'one' };
  return {
    clients: [
      {
        client_id: webClientId,
        client_secret: clientSecret,
        redirect_uris: origins.map((origin) => `${origin}/auth/callback`),
        post_logout_redirect_uris: origins.map((origin) => `${origin}/auth`),
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      {
        client_id: cliClientId,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['signs the cookies of the issuer'] },
    claims: { openid: ['sub'], email: ['email'], profile: ['name', 'groups', 'region'] },
    scopes: ['openid', 'offline_access', 'email', 'profile'],
    pkce: { required: () => requirePkce },
    ttl: {
      ...{ AccessToken: accessTokenTtl, DeviceCode: deviceCodeTtl, IdToken: 300 },
      ...{ Interaction: 600, Session: 600, Grant: 600, RefreshToken: 600 },
    },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, ...people.get(sub) }),
    }),
    extraTokenClaims: (_context, token) =>
      'accountId' in token ? { ...people.get(String(token.accountId)) } : undefined,
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context, client) => (client.clientId === cliClientId ? resource : []),
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          ...{
            scope: '',
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessTokenTtl,
          },
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}

interface Stored {
  readonly payload: Record<string, unknown>;
  readonly expiresAt: number;
}

/** Everything that the issuer remembers, where a test can take it away. */
function memoryAdapter(store: Map<string, Stored>): Configuration['adapter'] {
  return (model: string) => {
    const keyOf = (id: string): string => `${model}:${id}`;
    const find = (test: (payload: Record<string, unknown>) => boolean) =>
      [...store].find(([key, { payload }]) => key.startsWith(`${model}:`) && test(payload))?.[1]
        .payload;
    return {
      upsert: async (id, payload, expiresIn) => {
        const expiresAt = Date.now() + (expiresIn ?? 3_600) * 1_000;
        store.set(keyOf(id), { payload: payload as Record<string, unknown>, expiresAt });
      },
      find: async (id) => store.get(keyOf(id))?.payload,
      findByUserCode: async (userCode) => find((one) => one['userCode'] === userCode),
      findByUid: async (uid) => find((one) => one['uid'] === uid),
      consume: async (id) => {
        const found = store.get(keyOf(id));
        if (found !== undefined) found.payload['consumed'] = Math.floor(Date.now() / 1_000);
      },
      destroy: async (id) => void store.delete(keyOf(id)),
      revokeByGrantId: async (grantId) => {
        for (const [key, { payload }] of store) {
          if (payload['grantId'] === grantId) store.delete(key);
        }
      },
    };
  };
}
