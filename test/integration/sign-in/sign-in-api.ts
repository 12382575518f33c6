import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { buildApp } from '../../../src/api/app.ts';
import { createFailModeAudit } from '../../../src/audit/note-fail-mode.ts';
import { createAuthenticator } from '../../../src/auth/authenticate.ts';
import { acceptSessionsAndTokens } from '../../../src/auth/authenticate-oidc.ts';
import { createTokenFunction } from '../../../src/auth/jwt/authenticate-token.ts';
import { createKeySets } from '../../../src/auth/jwt/key-sets.ts';
import { createOidcClients } from '../../../src/auth/oidc-clients.ts';
import { requireUnrevoked } from '../../../src/auth/require-unrevoked.ts';
import type { Sessions } from '../../../src/auth/sessions.ts';
import { createSessions } from '../../../src/auth/sessions.ts';
import { findFreePort } from '../../../src/process/dev/ports.ts';
import { openOutbound } from '../../../src/resources/outbound/outbound.ts';
import { openPostgresSecrets } from '../../../src/resources/secrets/postgres-secrets.ts';
import { HttpBrowser, passIssuer } from '../../support/http-browser.ts';
import { manifest } from '../../support/manifests.ts';
import type { IssuerOptions, TestIssuer } from '../../support/openid-issuer.ts';
import { startIssuer, webClientId } from '../../support/openid-issuer.ts';
import { provision } from '../../support/provision.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';

export interface SignInApi {
  readonly api: TestApi;
  readonly issuer: TestIssuer;
  /** Of every replica; the issuer sends browsers back to the first. */
  readonly origins: readonly string[];
  readonly origin: string;
  /** `{namespace}/{name}` of the strategy. */
  readonly ref: string;
  /** Of the schema `note`, which people who are signed in may use. */
  readonly notes: string;
  /** What every replica seals with. */
  readonly key: Buffer;
  /** Moves the clock of the sessions on. */
  readonly clock: { aheadMs: number };
  provideStrategy(name: string, over?: object, claims?: object): Promise<void>;
  /** A browser in which this person has signed in. */
  signIn(login: string): Promise<HttpBrowser>;
  /** A request as a page of this browser makes it. */
  call(browser: HttpBrowser, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: object;
  readonly csrfToken?: string;
  readonly origin?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: { readonly data?: Record<string, unknown>; readonly code?: string } & Record<
    string,
    unknown
  >;
}

/** Replicas of an API that people sign in to, over one database and with a real OpenID provider. */
export async function openSignInApi(
  options: Partial<IssuerOptions> & { readonly replicas?: number } = {},
): Promise<SignInApi> {
  const ports: number[] = [];
  for (let i = 0; i < (options.replicas ?? 1); i += 1) ports.push(await findFreePort());
  const origins = ports.map((port) => `http://localhost:${port}`);
  const [issuer, api] = await Promise.all([startIssuer({ ...options, origins }), openTestApi()]);
  const { pool, observer } = api.deps;
  const key = randomBytes(32);
  const secrets = openPostgresSecrets({ pool, keys: [key], randomBytes });
  const clock = { aheadMs: 0 };
  const now = (): number => Date.now() + clock.aheadMs;
  const outbound = openOutbound({ allowed: ['localhost', '127.0.0.1', '::1'] });
  const apps: FastifyInstance[] = [];
  for (const port of ports) {
    const sessions: Sessions = createSessions({
      ...{ pool, keys: [key], observe: observer.observe, now, newId: uuidv7, randomBytes },
      clients: createOidcClients({ secrets, outbound, now }),
    });
    const jwt = createTokenFunction(createKeySets({ outbound, observe: observer.observe, now }));
    const oidc = acceptSessionsAndTokens(sessions.authenticate, jwt);
    const { revocations } = api.deps;
    const onError = (cause: unknown) => observer.observe({ type: 'store.failed', cause });
    const admit = requireUnrevoked(revocations, createFailModeAudit({ pool, now, onError }));
    const authenticator = createAuthenticator({ functions: { jwt, oidc }, admit });
    const app = buildApp({ ...api.deps, secrets, sessions, authenticator });
    await app.listen({ host: '127.0.0.1', port });
    apps.push(app);
  }
  const [origin = ''] = origins;
  const { namespace } = api.tenant;
  const activities = { ...api.activities, secrets };
  await secrets.write({ namespace, name: 'idp', key: 'client-secret' }, issuer.clientSecret);

  const signInApi: SignInApi = {
    ...{ api, issuer, origins, origin, clock, key },
    ref: `${namespace}/people`,
    notes: api.path('note'),
    async provideStrategy(name, over = {}, claims = claimsDefault) {
      const oidc = {
        ...{ issuer: issuer.url, clientId: webClientId },
        clientSecretRef: { name: 'idp', key: 'client-secret' },
        redirectUri: `${origin}/auth/callback`,
        scopes: ['openid', 'profile', 'email', 'offline_access'],
        sessionTtl: '1h',
        ...over,
      };
      const spec = {
        type: 'oidc',
        config: { oidc, issuers: [{ issuer: issuer.url, audience: issuer.resource, claims }] },
      };
      const wanted = manifest('AuthStrategy', name, namespace, spec);
      const [applied] = await activities.store.apply([wanted]);
      await provision(activities, applied!.resource);
      await api.deps.registry.refresh();
    },
    async signIn(login) {
      const browser = new HttpBrowser();
      const page = await browser.open(`${origin}/auth/login?strategy=${signInApi.ref}`);
      const end = await passIssuer(browser, page, login);
      if (end.url !== `${origin}/auth`) throw new Error(`${end.url}: ${end.status}\n${end.text}`);
      return browser;
    },
    async call(browser, path, { method = 'GET', body, csrfToken, origin: at = origin } = {}) {
      const answer = await fetch(`${at}${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        headers: {
          cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(csrfToken !== undefined && { 'x-csrf-token': csrfToken }),
        },
      });
      browser.keep(answer.headers);
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
    },
    async close() {
      await Promise.all(apps.map((app) => app.close()));
      await outbound.close();
      await Promise.all([api.close(), issuer.close()]);
    },
  };
  await signInApi.provideStrategy('people');
  await api.provide(
    api.tenant.schema('note', {
      spec: {
        auth: { strategyRef: { name: 'people', namespace } },
        access: {
          roles: [
            { role: 'writer', operations: ['create', 'read'] },
            { role: 'reader', operations: ['read'] },
          ],
        },
      },
    }),
  );
  return signInApi;
}

const claimsDefault = {
  actorId: 'sub',
  email: 'email',
  roles: 'groups',
  attributes: { region: 'region' },
};

export async function csrfTokenOf(world: SignInApi, browser: HttpBrowser): Promise<string> {
  const me = await world.call(browser, '/auth/me');
  return String(me.body.data?.['csrfToken']);
}
