import type { Configuration } from 'openid-client';
import type { Identity } from '../contract/identity.ts';
import type { RegistrySnapshot, StrategyEntry } from '../resources/registry/snapshot.ts';
import type { Sealed } from '../resources/secrets/seal.ts';
import {
  createSessionStrategy,
  hashSpec,
  identityOf,
  sessionTtlMs,
} from './authenticate-session.ts';
import type { Credentials } from './credentials.ts';
import { csrfToken, requireCsrfToken } from './csrf-token.ts';
import type { OidcSettings } from './oidc-clients.ts';
import { oidcOf } from './oidc-clients.ts';
import { findCookie, sessionCookie, setCookie } from './session-cookie.ts';
import type { SessionDeps } from './session-deps.ts';
import { hashSessionId, newSessionId, openToken, sealToken } from './session-tokens.ts';
import type { FinishedSignIn, StartedSignIn } from './sign-in.ts';
import { finishSignIn, startSignIn } from './sign-in.ts';
import { findSession } from './sql/find-session.ts';
import { createSession, endSession } from './sql/write-session.ts';
import type { StrategyFunction } from './strategy-function.ts';

/** People who sign in with a browser: how they begin, are known, and end. */
export interface Sessions {
  /** Type `oidc`. */
  readonly authenticate: StrategyFunction;
  start(strategy: StrategyEntry, returnTo: string): Promise<StartedSignIn>;
  /** Makes a session and ends the one that the browser came with. */
  finish(callback: SignInCallback): Promise<MadeSession>;
  /** Ends it everywhere, and the tokens at the issuer; answers where the issuer ends its own. */
  end(identity: Identity, snapshot: RegistrySnapshot): Promise<string | undefined>;
  /** What a page sends in X-CSRF-Token. */
  csrfToken(identity: Identity): string;
  requireCsrfToken(identity: Identity, credentials: Credentials): void;
}

export interface SignInCallback {
  readonly query: string;
  readonly cookie: string | undefined;
  readonly snapshot: RegistrySnapshot;
}

export interface MadeSession {
  readonly cookie: string;
  readonly returnTo: string;
  readonly identity: Identity;
}

/** Where a browser lands that comes back from the issuer's logout. */
const landing = '/auth';

export function createSessions(deps: SessionDeps): Sessions {
  return {
    authenticate: createSessionStrategy(deps),
    start: (strategy, returnTo) => startSignIn(deps, strategy, returnTo),
    async finish({ query, cookie, snapshot }) {
      const findStrategy = (ref: string) => signInStrategies(snapshot).get(ref);
      const finished = await finishSignIn(deps, { query, cookie, findStrategy });
      const made = await make(deps, finished);
      // An id that was there before the login is good for nothing after it.
      const before = findCookie(cookie, sessionCookie);
      if (before !== undefined) await endById(deps, before);
      return made;
    },
    end: (identity, snapshot) => end(deps, identity, snapshot),
    csrfToken: ({ credential }) => csrfToken(credential.id, deps.keys[0]),
    requireCsrfToken: (identity, credentials) => requireCsrfToken(identity, credentials, deps.keys),
  };
}

/** Those that people sign in by, by `namespace/name`. */
export function signInStrategies({
  strategies,
}: Pick<RegistrySnapshot, 'strategies'>): ReadonlyMap<string, StrategyEntry> {
  return new Map(
    [...strategies].filter(
      ([, { spec, organisation }]) => spec.type === 'oidc' && organisation !== undefined,
    ),
  );
}

async function make(deps: SessionDeps, finished: FinishedSignIn): Promise<MadeSession> {
  const { strategy, claims, refreshToken, refreshAt, returnTo } = finished;
  const { namespace, name, organisation, ref } = strategy;
  if (organisation === undefined) throw new Error('only strategies of an organisation sign in');
  const id = newSessionId(deps);
  const handle = deps.newId();
  const createdAt = deps.now();
  const expiresAt = createdAt + sessionTtlMs(strategy);
  const sealed = refreshToken === undefined ? undefined : sealToken(refreshToken, { handle }, deps);
  await createSession(deps.pool, {
    ...{ handle, idHash: hashSessionId(id), claims, sealed },
    refreshAt: sealed === undefined ? undefined : refreshAt(createdAt),
    ...{ organisation, namespace, strategy: name, specHash: hashSpec(strategy), createdAt },
    expiresAt,
  });
  const cookie = setCookie(sessionCookie, id);
  const email = claims.email ?? null;
  const identity = identityOf({ ...claims, email, organisation, ref, handle, expiresAt });
  return { cookie, returnTo, identity };
}

async function endById({ pool, now }: SessionDeps, id: string): Promise<void> {
  const session = await findSession(pool, hashSessionId(id));
  if (session !== undefined) await endSession(pool, session.handle, now());
}

async function end(
  deps: SessionDeps,
  { credential, strategy: ref }: Identity,
  snapshot: RegistrySnapshot,
): Promise<string | undefined> {
  const handle = credential.id;
  const sealed = await endSession(deps.pool, handle, deps.now());
  const strategy = signInStrategies(snapshot).get(ref);
  if (strategy === undefined) return undefined;
  // Here the session is over whatever the issuer does.
  const failed = (cause: unknown): undefined => {
    deps.observe({ type: 'session.logout-failed', strategy: ref, cause });
  };
  const client = await deps.clients.get(strategy).catch(failed);
  if (client === undefined) return undefined;
  if (sealed !== undefined) await revokeToken(deps, client, { handle, sealed }).catch(failed);
  return logoutAddress(client, oidcOf(strategy.spec));
}

async function revokeToken(
  { keys }: SessionDeps,
  client: Configuration,
  { handle, sealed }: { readonly handle: string; readonly sealed: Sealed },
): Promise<void> {
  if (client.serverMetadata().revocation_endpoint === undefined) return;
  const { tokenRevocation } = await import('openid-client');
  const token = openToken(sealed, { handle }, keys);
  await tokenRevocation(client, token, { token_type_hint: 'refresh_token' });
}

/**
 * RP-initiated logout. We name ourselves as a client: an id_token_hint would put a token into the
 * browser's history, and tokens stay on the server.
 */
async function logoutAddress(
  client: Configuration,
  { clientId, redirectUri }: OidcSettings,
): Promise<string | undefined> {
  if (client.serverMetadata().end_session_endpoint === undefined) return undefined;
  const { buildEndSessionUrl } = await import('openid-client');
  const back = new URL(landing, redirectUri).href;
  const parameters = { client_id: clientId, post_logout_redirect_uri: back };
  return buildEndSessionUrl(client, parameters).href;
}
