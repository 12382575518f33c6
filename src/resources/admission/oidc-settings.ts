import type { AuthStrategy } from '../../contract/kinds.ts';
import { durationMs } from '../../schema/duration.ts';
import { findAddressProblem } from '../outbound/outbound-address.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

type OidcSettings = NonNullable<AuthStrategy['spec']['config']['oidc']>;

const where = ['spec', 'config', 'oidc'] as const;
/** The one address of the API that finishes a sign-in. */
const callbackPath = '/auth/callback';
/** Longer than this nobody is asked who they are. */
const sessionTtlMaxMs = 30 * 86_400_000;
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** How people sign in: whom to ask, where they come back to, and how long it holds. */
export function* oidcSettings({ spec }: AuthStrategy, view: AdmissionView): Iterable<Finding> {
  const { oidc } = spec.config;
  if (spec.type !== 'oidc' || oidc === undefined) return;
  yield* addresses(oidc, view);
  yield* redirectUri(oidc);
  for (const [i, scope] of (oidc.scopes ?? []).entries()) {
    if (scopePattern.test(scope)) continue;
    const hint = 'One scope an entry: openid, profile, email, offline_access.';
    yield refuse(at(...where, 'scopes', i), 'oidc-scope', 'This is not a scope.', hint);
  }
  if (oidc.sessionTtl !== undefined && (durationMs(oidc.sessionTtl) ?? 0) > sessionTtlMaxMs) {
    const message = `A session of ${oidc.sessionTtl} would outlive what is known of the person.`;
    yield refuse(
      at(...where, 'sessionTtl'),
      'oidc-session-ttl',
      message,
      'At most 30d; 8h if left out.',
    );
  }
}

const calledMembers = [
  ...(['issuer', 'configUrl', 'authorizationEndpoint', 'tokenEndpoint'] as const),
  'userinfoEndpoint',
] as const;

function* addresses(oidc: OidcSettings, { reachable }: AdmissionView): Iterable<Finding> {
  if (!oidc.issuer && !oidc.configUrl) {
    const message = 'Nobody is named who could say who signs in.';
    yield refuse(at(...where), 'oidc-issuer', message, 'Add issuer, or configUrl.');
  }
  for (const member of calledMembers) {
    const text = oidc[member];
    // With configUrl the issuer is only a name; and browsers alone go to the authorization endpoint.
    const isCalled = member !== 'authorizationEndpoint' && !(member === 'issuer' && oidc.configUrl);
    if (!text || !isCalled) continue;
    const problem = findAddressProblem(text, reachable);
    if (problem === undefined) continue;
    const { rule, message, hint } = problem;
    if (reachable === undefined && rule !== 'address') yield warn(`${text}: ${message} ${hint}`);
    else yield refuse(at(...where, member), rule, message, hint);
  }
}

/** Of a host that browsers trust: on any other the session's cookie would not be kept. */
function* redirectUri({ redirectUri: text }: OidcSettings): Iterable<Finding> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const trusted =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname));
  const plain = url !== undefined && url.search === '' && url.hash === '' && url.username === '';
  if (trusted && plain && url.pathname === callbackPath) return;
  yield refuse(
    at(...where, 'redirectUri'),
    'oidc-redirect',
    `${JSON.stringify(text)} is not where a sign-in ends.`,
    `The address of this API with the path ${callbackPath}: https, or http on localhost.`,
  );
}
