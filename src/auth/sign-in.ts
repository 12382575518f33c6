import type { Configuration } from 'openid-client';
import { VelocityError } from '../errors.ts';
import type { StrategyEntry } from '../resources/registry/snapshot.ts';
import type { LoginAttempt } from './login-attempt.ts';
import { loginAgeMax, openAttempt, sealAttempt } from './login-attempt.ts';
import { oidcOf } from './oidc-clients.ts';
import type { IssuerAnswer } from './session-claims.ts';
import { readClaims } from './session-claims.ts';
import { clearCookie, findCookie, loginCookie, setCookie } from './session-cookie.ts';
import type { SessionDeps } from './session-deps.ts';

export interface StartedSignIn {
  /** The issuer's page. */
  readonly location: string;
  readonly cookie: string;
}

const scopesDefault = ['openid', 'profile', 'email'];

/** Authorization code with PKCE, state and nonce (RFC 6749, RFC 7636, OpenID Connect Core 3.1). */
export async function startSignIn(
  deps: SessionDeps,
  strategy: StrategyEntry,
  returnTo: string,
): Promise<StartedSignIn> {
  const openid = await import('openid-client');
  const client = await deps.clients.get(strategy);
  const { redirectUri, scopes = scopesDefault } = oidcOf(strategy.spec);
  const attempt: LoginAttempt = {
    ref: strategy.ref,
    state: openid.randomState(),
    nonce: openid.randomNonce(),
    verifier: openid.randomPKCECodeVerifier(),
    returnTo,
    expiresAt: deps.now() + loginAgeMax * 1_000,
  };
  const scope = [...new Set(['openid', ...scopes])];
  const location = openid.buildAuthorizationUrl(client, {
    redirect_uri: redirectUri,
    scope: scope.join(' '),
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: 'S256',
    // Without consent an issuer gives no refresh token (OpenID Connect Core, 11).
    ...(scope.includes('offline_access') && { prompt: 'consent' }),
  });
  const cookie = setCookie(loginCookie(attempt.state), sealAttempt(attempt, deps), loginAgeMax);
  return { location: location.href, cookie };
}

export interface FinishedSignIn extends IssuerAnswer {
  readonly strategy: StrategyEntry;
  readonly returnTo: string;
}

export interface Callback {
  /** What follows the `?`, as it came. */
  readonly query: string;
  readonly cookie: string | undefined;
  /** The strategy as it is now; undefined: there is none of the name any more. */
  readonly findStrategy: (ref: string) => StrategyEntry | undefined;
}

/** Every refusal is AUTH_INVALID_TOKEN: the state, the browser, the code or what the issuer sent. */
export async function finishSignIn(
  deps: SessionDeps,
  { query, cookie, findStrategy }: Callback,
): Promise<FinishedSignIn> {
  const attempt = findAttempt(deps, query, cookie);
  const strategy = findStrategy(attempt.ref);
  if (strategy === undefined) throw refused('This sign-in does not exist any more.');
  const client = await deps.clients.get(strategy);
  // The registered address, never what a request calls itself.
  const address = new URL(oidcOf(strategy.spec).redirectUri);
  address.search = query;
  try {
    const answer = await exchange(client, address, attempt);
    const read = await readClaims(client, strategy, answer, undefined);
    return { ...read, strategy, returnTo: attempt.returnTo };
  } catch (cause) {
    if (cause instanceof VelocityError) throw cause;
    deps.clients.learnFrom(strategy, cause);
    throw refused(sentenceOf(cause), cause);
  }
}

/** The state finds its attempt among the cookies of this browser; anybody else's is not there. */
function findAttempt(deps: SessionDeps, query: string, cookie: string | undefined): LoginAttempt {
  const state = new URLSearchParams(query).get('state') ?? '';
  const value = findCookie(cookie, loginCookie(state));
  const { keys } = deps;
  const attempt = value === undefined ? undefined : openAttempt(value, { keys, nowMs: deps.now() });
  if (attempt?.state === state) return attempt;
  throw refused('This sign-in was not begun in this browser, or too long ago.');
}

async function exchange(client: Configuration, address: URL, attempt: LoginAttempt) {
  const { authorizationCodeGrant } = await import('openid-client');
  return authorizationCodeGrant(client, address, {
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    pkceCodeVerifier: attempt.verifier,
    idTokenExpected: true,
  });
}

/** Whether it went well or not, the attempt is over. */
export function forgetAttempt(query: string): string {
  return clearCookie(loginCookie(new URLSearchParams(query).get('state') ?? ''));
}

/** In the words of the issuer only where it is an error of the protocol's, and never a description. */
function sentenceOf(cause: unknown): string {
  const { error } = cause as { error?: unknown };
  const known = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error);
  return known
    ? `The identity provider did not sign you in (${error}).`
    : 'What the identity provider answered is not valid.';
}

function refused(message: string, cause?: unknown): VelocityError {
  return new VelocityError('AUTH_INVALID_TOKEN', message, { hint: 'Sign in again.', cause });
}
