import { VelocityError } from '../errors.ts';

/** What a request brings to prove who sends it. */
export interface Credentials {
  readonly authorization?: string | undefined;
  /** The X-API-Key header. */
  readonly apiKey?: string | undefined;
  readonly cookie?: string | undefined;
  /** The X-CSRF-Token header. */
  readonly csrfToken?: string | undefined;
  /** The X-Velocity-Organisation header: whose strategies are meant where no schema says it. */
  readonly organisation?: string | undefined;
  readonly method: string;
  /** Called where the session goes on under another id, which the answer has to carry. */
  readonly renewSession?: ((sessionId: string) => void) | undefined;
  readonly remoteAddress: string;
}

export const challenge = { 'www-authenticate': 'Bearer realm="velocity"' };

export function invalidCredentials(message: string, hint: string, cause?: unknown): VelocityError {
  return new VelocityError('AUTH_INVALID_TOKEN', message, { hint, cause, headers: challenge });
}

/** Undefined where the header is absent or of another form. */
export function bearerOf({ authorization }: Credentials): string | undefined {
  return authorization === undefined ? undefined : /^Bearer ([^\s]+)$/i.exec(authorization)?.[1];
}

/** Tells a token from an API key: keys hold no dot, and a JWT always does. */
export function isToken(bearer: string): boolean {
  return bearer.includes('.');
}

/** Refuses what no strategy could make sense of. */
export function requireOneCredential(credentials: Credentials): void {
  const { authorization, apiKey } = credentials;
  if (authorization === undefined) return;
  if (apiKey !== undefined) {
    throw invalidCredentials(
      'Send either Authorization or X-API-Key, not both.',
      'Leave one of the two headers out.',
    );
  }
  if (bearerOf(credentials) === undefined) {
    throw invalidCredentials(
      'The Authorization header is not of the form "Bearer CREDENTIAL".',
      'Send an API key or a token as "Authorization: Bearer …".',
    );
  }
}

/** Cookies do not count: a browser sends what others have set. */
export function hasCredentials({ authorization, apiKey }: Credentials): boolean {
  return authorization !== undefined || apiKey !== undefined;
}
