import { BlockList, isIP } from 'node:net';
import type { Identity } from '../contract/identity.ts';
import { platformAdminRole } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { KeyEntry, RegistrySnapshot } from '../resources/registry/snapshot.ts';
import { hashApiKey, verifyApiKeyFormat } from './api-key.ts';

export interface Credentials {
  readonly authorization?: string | undefined;
  /** The X-API-Key header. */
  readonly apiKey?: string | undefined;
  readonly remoteAddress: string;
}

const challenge = { 'www-authenticate': 'Bearer realm="velocity"' };

/**
 * Who calls, from an API key. The checksum is verified before any look-up; the look-up is in the
 * registry, so a revoked key fails as soon as the revocation has reached this replica.
 */
export function authenticate(
  credentials: Credentials,
  snapshot: RegistrySnapshot,
  nowMs: number,
): Identity {
  const text = presentedKey(credentials);
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
  return identityOf(entry);
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

function identityOf(entry: KeyEntry): Identity {
  return {
    organisation: entry.organisation,
    actor: entry.actor,
    actorType: entry.actorType,
    strategy: 'apikey',
    platformAdmin: entry.roles.includes(platformAdminRole),
    keyScopes: entry.scopes.length === 0 ? undefined : entry.scopes,
  };
}

function presentedKey({ authorization, apiKey }: Credentials): string {
  if (authorization !== undefined && apiKey !== undefined) {
    throw invalid('Send either Authorization or X-API-Key, not both.');
  }
  if (apiKey !== undefined) return apiKey;
  const bearer = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1];
  if (bearer === undefined) {
    throw invalid(
      authorization === undefined
        ? 'Credentials are missing.'
        : 'The Authorization header is not of the form "Bearer KEY".',
    );
  }
  return bearer;
}

function invalid(message: string): VelocityError {
  return new VelocityError('AUTH_INVALID_TOKEN', message, {
    hint: 'Send an API key as "Authorization: Bearer vel_…" or "X-API-Key: vel_…".',
    headers: challenge,
  });
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
