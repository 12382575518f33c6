import { hash } from 'node:crypto';
import type { Identity } from '../../contract/identity.ts';
import type { RegistrySnapshot, StrategyEntry } from '../../resources/registry/snapshot.ts';
import { bearerOf, isToken } from '../credentials.ts';
import type { StrategyFunction } from '../strategy-function.ts';
import { notApplicable } from '../strategy-function.ts';
import type { KeySets } from './key-sets.ts';
import type { ParsedToken } from './parse-token.ts';
import { parseToken } from './parse-token.ts';
import { refuseToken } from './token-refusal.ts';
import { tokenStrategyOf } from './token-strategy.ts';
import { verifyToken } from './verify-token.ts';

/** Verified tokens that are kept, of some 1 KB each. The one that came first makes room. */
const verifiedMax = 20_000;

interface Verified {
  /** While this very object is in the registry: what a change takes back is taken back at once. */
  readonly entry: StrategyEntry;
  readonly identity: Identity;
  readonly untilMs: number;
}

/**
 * Type `jwt`: a token of one of the strategy's issuers. Which one, the token says itself before it is
 * verified, and that only chooses who has to have signed it. A token that was verified is known by its
 * hash until it expires: verifying takes 60 µs and more, the hash 2.
 */
export function createTokenFunction(keySets: KeySets): StrategyFunction {
  const verified = new Map<string, Verified>();

  function verify(
    text: string,
    parsed: ParsedToken,
    entry: StrategyEntry,
    nowMs: number,
  ): Identity | Promise<Identity> | typeof notApplicable {
    const strategy = tokenStrategyOf(entry);
    const issuer = strategy.issuers.get(String(parsed.claims['iss']));
    const { organisation } = entry;
    if (issuer === undefined || organisation === undefined) return notApplicable;
    const presented = { text, parsed, strategy, issuer, organisation };
    return verifyToken(presented, keySets, nowMs).then((identity) => {
      const untilMs = (identity.credential.expiresAt ?? nowMs) + strategy.clockSkewMs;
      remember(keyOf(entry, text), { entry, identity, untilMs });
      return identity;
    });
  }

  function remember(key: string, found: Verified): void {
    verified.delete(key);
    verified.set(key, found);
    if (verified.size > verifiedMax) verified.delete(verified.keys().next().value ?? key);
  }

  function recall(text: string, entry: StrategyEntry, nowMs: number): Identity | undefined {
    const key = keyOf(entry, text);
    const known = verified.get(key);
    if (known === undefined) return undefined;
    if (known.entry === entry && nowMs < known.untilMs) return known.identity;
    verified.delete(key);
    return undefined;
  }

  return (credentials, strategy, { snapshot, nowMs }) => {
    const text = bearerOf(credentials);
    if (text === undefined || !isToken(text)) return notApplicable;
    if (strategy !== undefined) {
      const known = recall(text, strategy, nowMs);
      return known ?? verify(text, parseToken(text), strategy, nowMs);
    }
    const parsed = parseToken(text);
    const entry = strategyNamedBy(parsed, snapshot, credentials.organisation);
    if (entry === undefined) return notApplicable;
    return recall(text, entry, nowMs) ?? verify(text, parsed, entry, nowMs);
  };
}

function keyOf({ ref }: StrategyEntry, text: string): string {
  return `${ref}\n${hash('sha256', text, 'base64')}`;
}

const strategiesByIssuer = new WeakMap<RegistrySnapshot, ReadonlyMap<string, StrategyEntry[]>>();

/**
 * Where no schema has chosen: the first strategy that names the token's issuer with an audience of
 * the token's. Which of two organisations is meant only the caller can say.
 */
function strategyNamedBy(
  { claims }: ParsedToken,
  snapshot: RegistrySnapshot,
  organisation: string | undefined,
): StrategyEntry | undefined {
  let byIssuer = strategiesByIssuer.get(snapshot);
  if (byIssuer === undefined) {
    byIssuer = groupByIssuer(snapshot);
    strategiesByIssuer.set(snapshot, byIssuer);
  }
  const naming = (byIssuer.get(String(claims['iss'])) ?? []).filter(
    (entry) => organisation === undefined || entry.organisation === organisation,
  );
  const { aud } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const meant = naming.filter((entry) =>
    audiences.includes(tokenStrategyOf(entry).issuers.get(String(claims['iss']))?.audience),
  );
  if (new Set(meant.map(({ organisation }) => organisation)).size > 1) {
    throw refuseToken('issuer-ambiguous', 'Several organisations accept tokens like this one.', {
      hint: 'Say which one is meant: X-Velocity-Organisation: NAME.',
    });
  }
  // One that is for somebody else is refused by its audience, and says so.
  return meant[0] ?? naming[0];
}

function groupByIssuer({ strategies }: RegistrySnapshot): ReadonlyMap<string, StrategyEntry[]> {
  const groups = new Map<string, StrategyEntry[]>();
  for (const entry of strategies.values()) {
    const { type } = entry.spec;
    if ((type !== 'jwt' && type !== 'oidc') || entry.organisation === undefined) continue;
    for (const issuer of tokenStrategyOf(entry).issuers.keys()) {
      const group = groups.get(issuer);
      if (group === undefined) groups.set(issuer, [entry]);
      else group.push(entry);
    }
  }
  return groups;
}
