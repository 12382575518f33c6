import type {
  Configuration,
  TokenEndpointResponse,
  TokenEndpointResponseHelpers,
} from 'openid-client';
import { VelocityError } from '../errors.ts';
import type { StrategyEntry } from '../resources/registry/snapshot.ts';
import { readPerson } from './jwt/read-person.ts';
import { compileClaims } from './jwt/token-strategy.ts';
import type { SessionRow } from './sql/find-session.ts';

/** Who the issuer says it is, as the strategy's claim mapping reads it. */
export interface SessionClaims {
  readonly issuer: string;
  readonly subject: string;
  readonly actor: string;
  readonly email: string | undefined;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface IssuerAnswer {
  readonly claims: SessionClaims;
  /** Undefined: the one before stays in force, if there was one. */
  readonly refreshToken: string | undefined;
  /** When the issuer is to be asked again. */
  readonly refreshAt: (nowMs: number) => number;
}

type TokenAnswer = TokenEndpointResponse & TokenEndpointResponseHelpers;

/** Where an issuer does not say how long its answer holds. */
const expiresInDefault = 300;

/**
 * The claims of the ID token, whose signature has been verified, over those of the userinfo endpoint.
 * An answer to a refresh may have neither; then what was known stays. `before` is the session that
 * is refreshed: it never becomes somebody else's.
 */
export async function readClaims(
  client: Configuration,
  strategy: StrategyEntry,
  answer: TokenAnswer,
  before: SessionRow | undefined,
): Promise<IssuerAnswer> {
  const { fetchUserInfo } = await import('openid-client');
  const { userinfo_endpoint, issuer } = client.serverMetadata();
  const signed = answer.claims();
  const subject = signed?.sub ?? before?.subject;
  if (subject === undefined) throw new Error('the issuer sent no ID token');
  const asked =
    userinfo_endpoint === undefined
      ? undefined
      : await fetchUserInfo(client, answer.access_token, subject);
  const { expires_in: expiresIn = expiresInDefault, refresh_token: refreshToken } = answer;
  const refreshAt = (nowMs: number): number => nowMs + expiresIn * 1_000;
  if (signed === undefined && asked === undefined && before !== undefined) {
    return { claims: { ...before, email: before.email ?? undefined }, refreshToken, refreshAt };
  }
  const mappings = strategy.spec.config.issuers?.find((one) => one.issuer === issuer)?.claims;
  const readers = compileClaims(mappings);
  if (readers === undefined) throw new Error(`a claim mapping of ${strategy.ref} is not one`);
  const person = readPerson({ ...asked, ...signed }, readers);
  const claims: SessionClaims = { issuer, subject, ...person, email: person.email };
  if (before !== undefined) requireSamePerson(claims, before);
  return { claims, refreshToken, refreshAt };
}

function requireSamePerson(now: SessionClaims, before: SessionRow): void {
  const same =
    now.issuer === before.issuer && now.subject === before.subject && now.actor === before.actor;
  if (!same) throw new VelocityError('AUTH_REVOKED', 'The identity provider speaks of another.');
}
