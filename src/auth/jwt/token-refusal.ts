import { VelocityError } from '../../errors.ts';
import { challenge } from '../credentials.ts';

/** Why a token is refused, as docs/authentication.md lists it. */
export type TokenRefusalReason =
  | 'malformed'
  | 'header'
  | 'algorithm'
  | 'type'
  | 'issuer-ambiguous'
  | 'strategy'
  | 'keys-unavailable'
  | 'key-unknown'
  | 'signature'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime'
  | 'claims';

/** The caller holds the token, so the sentence may say what is wrong with it; never what it holds. */
export function refuseToken(
  reason: TokenRefusalReason,
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): VelocityError {
  const code = reason === 'expired' ? 'AUTH_EXPIRED' : 'AUTH_INVALID_TOKEN';
  return new VelocityError(code, message, { ...options, details: { reason }, headers: challenge });
}
