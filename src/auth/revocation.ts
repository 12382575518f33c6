import type { Identity } from '../contract/identity.ts';
import { VelocityError } from '../errors.ts';

/** What can be revoked: everything that an actor has, or one credential. */
export const revokedKinds = ['actor', 'token', 'session', 'key'] as const;
export type RevokedKind = (typeof revokedKinds)[number];

export interface Revoked {
  readonly organisation: string;
  readonly kind: RevokedKind;
  /** The actor, the token's `jti`, the session's id, or the hex SHA-256 of a key. */
  readonly id: string;
}

export interface Revocation extends Revoked {
  /** Milliseconds since the epoch; undefined: until it is lifted. */
  readonly endsAt: number | undefined;
}

const kindOfCredential = { apikey: 'key', jwt: 'token', session: 'session' } as const;

/** Everything whose revocation ends this identity's access: its actor and its credential. */
export function revocableParts({ organisation, actor, credential }: Identity): Revoked[] {
  const parts: Revoked[] = [{ organisation, kind: 'actor', id: actor }];
  const { kind, id } = credential;
  // Without credentials (type `none`) there is nothing but the actor to revoke.
  if (kind !== 'none') parts.push({ organisation, kind: kindOfCredential[kind], id });
  return parts;
}

/** One text for each thing that can be revoked. The organisation has no line feed, the kind neither. */
export function revokedName({ organisation, kind, id }: Revoked): string {
  return `${organisation}\n${kind}\n${id}`;
}

export function revocationUnavailable(cause: unknown): VelocityError {
  return new VelocityError(
    'REVOCATION_UNAVAILABLE',
    'Whether these credentials were revoked cannot be asked at the moment, so they are refused.',
    { hint: 'Send the request again.', headers: { 'retry-after': '1' }, cause },
  );
}
