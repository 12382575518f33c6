import { BlockList, isIP } from 'node:net';
import type { Identity } from '../contract/identity.ts';
import { platformAdminRole } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { KeyEntry, RegistrySnapshot } from '../resources/registry/snapshot.ts';
import { hashApiKey, verifyApiKeyFormat } from './api-key.ts';
import type { Credentials } from './credentials.ts';
import { bearerOf, challenge, invalidCredentials, isToken } from './credentials.ts';
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
    throw new VelocityError('AUTH_EXPIRED', 'The API key has expired.', { headers: challenge });
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

const blockLists = new WeakMap<readonly string[], BlockList>();

function isAllowedAddress(entry: KeyEntry, address: string): boolean {
  if (entry.ipAllowlist.length === 0) return true;
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  const family = isIP(plain);
  if (family === 0) return false;
  return allowList(entry.ipAllowlist).check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Built once for each entry of a snapshot, and forgotten with it. */
function allowList(networks: readonly string[]): BlockList {
  const known = blockLists.get(networks);
  if (known !== undefined) return known;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const type = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, type);
    else list.addSubnet(address, Number(bits), type);
  }
  blockLists.set(networks, list);
  return list;
}
