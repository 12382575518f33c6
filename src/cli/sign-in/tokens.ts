import type { TokenEndpointResponse } from 'openid-client';
import type { SignInTokens } from '../contexts.ts';

/** What is kept of an issuer's answer. One without a refresh token leaves the one before in force. */
export function tokensOf(
  { access_token, expires_in, refresh_token }: TokenEndpointResponse,
  nowMs: number,
  before?: SignInTokens,
): SignInTokens {
  const refreshToken = refresh_token ?? before?.refreshToken;
  return {
    accessToken: access_token,
    ...(expires_in !== undefined && {
      expiresAt: new Date(nowMs + expires_in * 1_000).toISOString(),
    }),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}

/** Refreshed this long before its end: it has to be valid when the API reads it, too. */
const leewayMs = 30_000;

export function isFresh({ expiresAt }: SignInTokens, nowMs: number): boolean {
  return expiresAt === undefined || Date.parse(expiresAt) - leewayMs > nowMs;
}
