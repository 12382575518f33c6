import type { Sealed, SealingKey } from '../resources/secrets/seal.ts';
import { open, seal } from '../resources/secrets/seal.ts';

/** What was begun at `/auth/login` and ends at `/auth/callback`, in the same browser. */
export interface LoginAttempt {
  /** `{namespace}/{name}` of the strategy. */
  readonly ref: string;
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE (RFC 7636): proves that whoever brings the code has asked for it. */
  readonly verifier: string;
  readonly returnTo: string;
  readonly expiresAt: number;
}

/** Enough to find a second factor; in seconds. */
export const loginAgeMax = 600;

const place = { namespace: 'platform', name: 'login', key: 'attempt' } as const;

export interface AttemptSealing {
  readonly keys: readonly [SealingKey, ...SealingKey[]];
  readonly randomBytes: (size: number) => Buffer;
}

/**
 * The attempt as the value of a cookie, sealed: the browser holds it and can neither read nor change
 * it, so that beginning costs the server nothing that a stranger could use up.
 */
export function sealAttempt(attempt: LoginAttempt, { keys, randomBytes }: AttemptSealing): string {
  const { sealedBy, nonce, sealed } = seal(JSON.stringify(attempt), place, {
    ...{ key: keys[0], randomBytes },
  });
  return [sealedBy, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
}

/** Undefined for whatever was not sealed here, was altered, or is too old. */
export function openAttempt(
  value: string,
  { keys, nowMs }: { readonly keys: readonly SealingKey[]; readonly nowMs: number },
): LoginAttempt | undefined {
  const [sealedBy = '', nonce = '', sealed = ''] = value.split('.');
  const parts: Sealed = {
    sealedBy,
    nonce: Buffer.from(nonce, 'base64url'),
    sealed: Buffer.from(sealed, 'base64url'),
  };
  try {
    const attempt = JSON.parse(open(parts, place, keys)) as LoginAttempt;
    return attempt.expiresAt > nowMs ? attempt : undefined;
  } catch {
    return undefined;
  }
}
