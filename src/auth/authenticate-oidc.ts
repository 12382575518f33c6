import { hasCredentials } from './credentials.ts';
import type { StrategyFunction } from './strategy-function.ts';

/**
 * Type `oidc` in whole: the session of a browser; or the access token of a program that the same
 * person signed in with, where the strategy names the token's issuer and audience. What is sent on
 * purpose counts more than a cookie.
 */
export function acceptSessionsAndTokens(
  sessions: StrategyFunction | undefined,
  tokens: StrategyFunction,
): StrategyFunction {
  return (credentials, strategy, context) =>
    hasCredentials(credentials) || sessions === undefined
      ? tokens(credentials, strategy, context)
      : sessions(credentials, strategy, context);
}
