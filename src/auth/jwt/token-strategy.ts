import type { ClaimMapping, ClaimMappings, TokenIssuer } from '../../contract/kinds.ts';
import type { ReadClaim } from '../../resources/auth-strategies/claim-mapping.ts';
import { compileClaimMapping } from '../../resources/auth-strategies/claim-mapping.ts';
import type { StrategyEntry } from '../../resources/registry/snapshot.ts';
import { durationMs } from '../../schema/duration.ts';
import type { KeySource } from './key-sets.ts';

/** A strategy of type `jwt` as tokens are held against it. */
export interface TokenStrategy {
  readonly entry: StrategyEntry;
  readonly issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly clockSkewMs: number;
  readonly ttlMaxMs: number | undefined;
}

export interface TrustedIssuer extends KeySource, ClaimReaders {
  readonly audience: string;
}

/** Where an identity finds its parts in the claims. */
export interface ClaimReaders {
  readonly actor: ReadClaim;
  readonly email: ReadClaim | undefined;
  readonly roles: ReadClaim | undefined;
  readonly attributes: readonly (readonly [name: string, read: ReadClaim])[];
}

const clockSkewDefaultMs = 30_000;

/** By the entry: the registry keeps the object while the strategy stays as it is. */
const compiled = new WeakMap<StrategyEntry, TokenStrategy>();

export function tokenStrategyOf(entry: StrategyEntry): TokenStrategy {
  let strategy = compiled.get(entry);
  if (strategy === undefined) {
    strategy = compileStrategy(entry);
    compiled.set(entry, strategy);
  }
  return strategy;
}

function compileStrategy(entry: StrategyEntry): TokenStrategy {
  const { issuers = [], clockSkew, ttlMax } = entry.spec.config;
  const trusted = issuers.map(compileIssuer).filter((issuer) => issuer !== undefined);
  return {
    entry,
    issuers: new Map(trusted.map((issuer) => [issuer.issuer, issuer])),
    clockSkewMs: (clockSkew && durationMs(clockSkew)) || clockSkewDefaultMs,
    ttlMaxMs: (ttlMax && durationMs(ttlMax)) || undefined,
  };
}

/** Undefined where admission would refuse it today: an issuer that is not whole is not believed. */
function compileIssuer(spec: TokenIssuer): TrustedIssuer | undefined {
  const { issuer, audience, jwksUrl, claims } = spec;
  const readers = compileClaims(claims);
  if (!audience || readers === undefined) return undefined;
  return { issuer, audience, jwksUrl: jwksUrl || undefined, ...readers };
}

/** Undefined where one of the mappings is none. */
export function compileClaims(claims: ClaimMappings = {}): ClaimReaders | undefined {
  const actor = compile(claims.actorId ?? 'sub');
  const email = claims.email === undefined ? undefined : compile(claims.email);
  const roles = claims.roles === undefined ? undefined : compile(claims.roles);
  const attributes = Object.entries(claims.attributes ?? {}).map(
    ([name, mapping]) => [name, compile(mapping)] as const,
  );
  if (actor === null || email === null || roles === null) return undefined;
  if (attributes.some(([, read]) => read === null)) return undefined;
  return { actor, email, roles, attributes: attributes as ClaimReaders['attributes'] };
}

function compile(mapping: ClaimMapping): ReadClaim | null {
  const read = compileClaimMapping(mapping);
  return typeof read === 'string' ? null : read;
}
