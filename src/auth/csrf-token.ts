import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Identity } from '../contract/identity.ts';
import { VelocityError } from '../errors.ts';
import type { SealingKey } from '../resources/secrets/seal.ts';
import type { Credentials } from './credentials.ts';

/** What changes nothing (RFC 9110, 9.2.1); a link from anywhere may ask for it. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * What a page has to send in X-CSRF-Token beside its session: only a page of this server can have
 * read it from `/auth/me`. It stays the same for all ids that a session has had.
 */
export function csrfToken(handle: string, key: SealingKey): string {
  return createHmac('sha256', key).update(`velocity csrf ${handle}`).digest('base64url');
}

/** Throws CSRF_REJECTED for a write that comes with a session and without its token. */
export function requireCsrfToken(
  { credential }: Identity,
  { method, csrfToken: given }: Pick<Credentials, 'method' | 'csrfToken'>,
  keys: readonly SealingKey[],
): void {
  if (credential.kind !== 'session' || safeMethods.has(method)) return;
  if (given !== undefined && keys.some((key) => isSame(given, csrfToken(credential.id, key)))) {
    return;
  }
  throw new VelocityError(
    'CSRF_REJECTED',
    given === undefined
      ? 'A request that changes something and comes with a session needs the X-CSRF-Token header.'
      : 'The X-CSRF-Token header is not the one of this session.',
    { hint: 'GET /auth/me answers it as csrfToken.' },
  );
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
