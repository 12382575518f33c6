import type { Identity } from '../contract/identity.ts';
import { platformAdminRole } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { KeyEntry, RegistrySnapshot } from '../resources/registry/snapshot.ts';
import { hashApiKey, verifyApiKeyFormat } from './api-key.ts';
import type { Credentials } from './credentials.ts';
import { bearerOf, challenge, invalidCredentials, isToken } from './credentials.ts';
import { openNetworks } from './networks.ts';
import type { AuthenticationContext } from './strategy-function.ts';
import { notApplicable } from './strategy-function.ts';

/**
 * Type `apikey`: who calls, from an API key, whichever organisation it is of. The checksum is verified
 * before any look-up; the look-up is in the registry, so a revoked key fails as soon as the revocation
 * has reached this replica.
 */
export function authenticateKey(
  credentials: Credentials,
  _strategy: unknown,
  { snapshot, nowMs }: AuthenticationContext,
): Identity | typeof notApplicable {
  const text = credentials.apiKey ?? bearerOf(credentials);
  if (text === undefined || (credentials.apiKey === undefined && isToken(text))) {
    return notApplicable;
  }
  const digest = hashApiKey(text).toString('hex');
  const proven = provenKeys(snapshot);
  if (!proven.has(digest) && !verifyApiKeyFormat(text)) {
    throw invalid('The API key is not well formed.');
  }
  const entry = snapshot.keys.get(digest);
  if (entry === undefined) throw invalid('The API key is not known.');
  proven.add(digest);
  if (entry.revokedAt !== undefined) {
    throw new VelocityError('AUTH_REVOKED', 'The API key was revoked.', { headers: challenge });
  }
  if (entry.expiresAt !== undefined && entry.expiresAt <= nowMs) {
    const message = entry.replaced
      ? 'The API key was rotated, and the time for both has ended.'
      : 'The API key has expired.';
    throw new VelocityError('AUTH_EXPIRED', message, { headers: challenge });
  }
  if (!isAllowedAddress(entry, credentials.remoteAddress)) {
    throw invalid('The API key may not be used from this address.');
  }
  return identityOf(entry, digest);
}

/**
 * Hashes of keys that were proved well formed and are known: the checksum, which takes 4 µs, is
 * verified once for each. Bounded by the keys there are, and gone with the snapshot.
 */
const provenOf = new WeakMap<RegistrySnapshot, Set<string>>();

function provenKeys(snapshot: RegistrySnapshot): Set<string> {
  let proven = provenOf.get(snapshot);
  if (proven === undefined) {
    proven = new Set();
    provenOf.set(snapshot, proven);
  }
  return proven;
}

/** The hash of what is presented: of an API key the `credential.id`. Undefined: nothing is. */
export function textIdOf(credentials: Credentials): string | undefined {
  const text = credentials.apiKey ?? bearerOf(credentials);
  return text === undefined ? undefined : hashApiKey(text).toString('hex');
}

/** A key says who calls; what they may do is for their bindings to say. */
const none = { roles: [], attributes: {} } as const;

function identityOf(entry: KeyEntry, digest: string): Identity {
  return {
    organisation: entry.organisation,
    actor: entry.actor,
    actorType: entry.actorType,
    strategy: 'apikey',
    platformAdmin: entry.roles.includes(platformAdminRole),
    keyScopes: entry.scopes.length === 0 ? undefined : entry.scopes,
    roles: none.roles,
    attributes: none.attributes,
    credential: {
      kind: 'apikey',
      id: digest,
      ...(entry.expiresAt !== undefined && { expiresAt: entry.expiresAt }),
    },
  };
}

function invalid(message: string): VelocityError {
  return invalidCredentials(
    message,
    'Send an API key as "Authorization: Bearer vel_…" or "X-API-Key: vel_…".',
  );
}

const allowLists = new WeakMap<readonly string[], (address: string) => boolean>();

function isAllowedAddress({ ipAllowlist }: KeyEntry, address: string): boolean {
  if (ipAllowlist.length === 0) return true;
  // Built once for each entry of a snapshot, and forgotten with it.
  let isAllowed = allowLists.get(ipAllowlist);
  if (isAllowed === undefined) {
    isAllowed = openNetworks(ipAllowlist);
    allowLists.set(ipAllowlist, isAllowed);
  }
  return isAllowed(address);
}
