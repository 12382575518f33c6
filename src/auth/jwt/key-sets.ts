import type { CryptoKey, JWK, LocalJWKSet } from 'jose';
import { createLocalJWKSet, errors } from 'jose';
import type { Observe } from '../../observe.ts';
import type { Outbound } from '../../resources/outbound/outbound.ts';
import type { ParsedToken } from './parse-token.ts';
import { refuseToken } from './token-refusal.ts';

/** Where an issuer publishes its keys; without a URL its discovery document says. */
export interface KeySource {
  readonly issuer: string;
  readonly jwksUrl: string | undefined;
}

export interface KeySets {
  /** Throws AUTH_INVALID_TOKEN where the issuer has no such key, or cannot be asked for the first one. */
  findKey(source: KeySource, header: ParsedToken['header']): Promise<CryptoKey>;
}

export interface KeySetsOptions {
  readonly outbound: Pick<Outbound, 'fetchJson'>;
  readonly observe: Observe;
  /** Milliseconds on a clock that never jumps. */
  readonly now: () => number;
}

/** A key that its issuer withdraws is believed this long. */
const freshMs = 600_000;
/** Between two fetches, whatever tokens say: a flood of unknown keys costs the issuer nothing. */
const restMs = 30_000;
const fetchBounds = { bytesMax: 262_144, timeoutMs: 5_000 };
/** An issuer has a handful, some a few dozen. */
const keysMax = 200;
/** As many as strategies name. Beyond it the one that was not used longest is forgotten. */
const setsMax = 1_000;

interface KeySet {
  /** The last good answer; undefined before the first. */
  select: LocalJWKSet | undefined;
  fetchedAt: number;
  triedAt: number;
  running: Promise<void> | undefined;
}

/** The keys of every issuer that strategies name, fetched when a token asks for one. */
export function createKeySets({ outbound, observe, now }: KeySetsOptions): KeySets {
  const sets = new Map<string, KeySet>();

  /** Sources are told apart by both: another tenant may name the same issuer with keys of its own. */
  function setOf({ issuer, jwksUrl = '' }: KeySource): KeySet {
    const name = `${issuer}\n${jwksUrl}`;
    const known = sets.get(name);
    const never = Number.NEGATIVE_INFINITY;
    const set = known ?? {
      select: undefined,
      fetchedAt: never,
      triedAt: never,
      running: undefined,
    };
    sets.delete(name);
    sets.set(name, set);
    if (sets.size > setsMax) sets.delete(sets.keys().next().value ?? name);
    return set;
  }

  async function fetchKeys(set: KeySet, source: KeySource): Promise<void> {
    const { issuer } = source;
    const startedAt = now();
    set.triedAt = startedAt;
    try {
      const url = source.jwksUrl || (await discover(outbound, issuer));
      const keys = usableKeys(await outbound.fetchJson(url, fetchBounds));
      set.select = createLocalJWKSet({ keys });
      set.fetchedAt = startedAt;
      observe({ type: 'keyset.fetched', issuer, keys: keys.length, ms: now() - startedAt });
    } catch (cause) {
      // The last good keys stay: who signed with them yesterday does so while the issuer is away.
      observe({ type: 'keyset.failed', issuer, cause });
    }
  }

  function refresh(set: KeySet, source: KeySource): Promise<void> {
    if (set.running === undefined && now() - set.triedAt < restMs) return Promise.resolve();
    set.running ??= fetchKeys(set, source).finally(() => {
      set.running = undefined;
    });
    return set.running;
  }

  return {
    async findKey(source, header) {
      const set = setOf(source);
      if (now() - set.fetchedAt < freshMs) {
        const key = await selectKey(set, header);
        if (key !== undefined) return key;
      }
      await refresh(set, source);
      const key = await selectKey(set, header);
      if (key !== undefined) return key;
      throw set.select === undefined
        ? refuseToken('keys-unavailable', 'The keys of the token’s issuer cannot be read.', {
            hint: 'Try again in half a minute; the API’s log says why they cannot (keyset.failed).',
          })
        : refuseToken('key-unknown', 'The issuer has no key of this kid and algorithm.', {
            hint: 'A key that is new is found within half a minute of its first use.',
          });
    },
  };
}

async function selectKey(
  { select }: KeySet,
  header: ParsedToken['header'],
): Promise<CryptoKey | undefined> {
  try {
    return await select?.(header);
  } catch (cause) {
    if (cause instanceof errors.JWKSMultipleMatchingKeys) {
      throw refuseToken('key-unknown', 'Several keys of the issuer could be the token’s.', {
        hint: 'Have the issuer put the kid of its key into the header.',
        cause,
      });
    }
    // No such key, or one that cannot be imported.
    return undefined;
  }
}

/** OpenID Connect Discovery 1.0, section 4: the document must speak for this very issuer. */
async function discover(outbound: Pick<Outbound, 'fetchJson'>, issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await outbound.fetchJson(url, fetchBounds);
  const { issuer: named, jwks_uri: found } = (document ?? {}) as Record<string, unknown>;
  if (named !== issuer) throw new Error(`${url} is the document of another issuer`);
  if (typeof found !== 'string') throw new Error(`${url} names no jwks_uri`);
  return found;
}

/** Public keys for signatures. A shared secret or a private key in such a set is never used. */
function usableKeys(document: unknown): JWK[] {
  const { keys } = (document ?? {}) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the document is not a JWK set');
  if (keys.length > keysMax) throw new Error(`the JWK set has more than ${keysMax} keys`);
  return keys.filter(
    (key): key is JWK =>
      typeof key === 'object' &&
      key !== null &&
      ['RSA', 'EC', 'OKP'].includes(key.kty) &&
      !Object.hasOwn(key, 'd'),
  );
}
