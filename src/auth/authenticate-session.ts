import { hash } from 'node:crypto';
import type { Identity } from '../contract/identity.ts';
import { VelocityError } from '../errors.ts';
import type { StrategyEntry } from '../resources/registry/snapshot.ts';
import { durationMs } from '../schema/duration.ts';
import { hasCredentials } from './credentials.ts';
import { oidcOf } from './oidc-clients.ts';
import { refreshSession } from './refresh-session.ts';
import { findCookie, sessionCookie } from './session-cookie.ts';
import type { SessionDeps } from './session-deps.ts';
import { hashSessionId } from './session-tokens.ts';
import type { SessionRow } from './sql/find-session.ts';
import { findSession } from './sql/find-session.ts';
import { endSession, touchSession } from './sql/write-session.ts';
import type { StrategyFunction } from './strategy-function.ts';
import { notApplicable } from './strategy-function.ts';

/** A working day. */
const ttlDefault = '8h';
/** Of its life a session may lie unused. */
const idleShare = 1 / 4;
/** Of the idle time: a use is written down no more often, so that reading stays reading. */
const touchShare = 1 / 20;
/** Requests that were on their way when the id changed. */
const rotationGraceMs = 60_000;

/**
 * Type `oidc`: who calls, from the session of the browser. Every request asks the database, which is
 * how a session that has ended anywhere has ended everywhere.
 */
export function createSessionStrategy(deps: SessionDeps): StrategyFunction {
  return (credentials, strategy, { snapshot }) => {
    // What a caller sends on purpose counts more than what a browser adds by itself.
    if (hasCredentials(credentials)) return notApplicable;
    const id = findCookie(credentials.cookie, sessionCookie);
    if (id === undefined) return notApplicable;
    return resume(id);

    async function resume(sessionId: string): Promise<Identity | typeof notApplicable> {
      const found = await findSession(deps.pool, hashSessionId(sessionId));
      if (found === undefined) throw over('AUTH_INVALID_TOKEN', 'The session is not known.');
      if (strategy !== undefined && strategy.ref !== found.ref) return notApplicable;
      const entry = requireStrategy(found, snapshot.strategies.get(found.ref));
      await requireLive(deps, found, entry);
      const due = found.refreshAt !== null && found.refreshAt <= deps.now();
      if (!due) return identityOf(found);
      const { row, newId } = await refreshSession(deps, found, entry);
      if (newId !== undefined) credentials.renewSession?.(newId);
      return identityOf(row);
    }
  };
}

/** Of everything that says who is believed: sessions of other rules have ended. */
export function hashSpec({ spec }: StrategyEntry): Buffer {
  return hash('sha256', JSON.stringify(spec), 'buffer');
}

export function sessionTtlMs({ spec }: StrategyEntry): number {
  return durationMs(oidcOf(spec).sessionTtl ?? ttlDefault) ?? 0;
}

function requireStrategy(session: SessionRow, strategy: StrategyEntry | undefined): StrategyEntry {
  if (session.ended) throw over('AUTH_REVOKED', 'The session has ended.');
  const { ref, organisation, specHash } = session;
  const same =
    strategy?.spec.type === 'oidc' &&
    strategy.organisation === organisation &&
    hashSpec(strategy).equals(specHash);
  if (same && strategy !== undefined) return strategy;
  throw over('AUTH_REVOKED', `How one signs in by ${ref} has changed.`);
}

async function requireLive(
  { pool, now }: SessionDeps,
  session: SessionRow,
  strategy: StrategyEntry,
): Promise<void> {
  const nowMs = now();
  if (session.replacedAt !== null && nowMs > session.replacedAt + rotationGraceMs) {
    // Either an answer was lost or somebody has kept a copy: both sign in again.
    await endSession(pool, session.handle, nowMs);
    throw over('AUTH_REVOKED', 'The session was used with an id that it no longer has.');
  }
  const idleMs = sessionTtlMs(strategy) * idleShare;
  if (nowMs >= session.expiresAt) throw over('AUTH_EXPIRED', 'The session is over.');
  if (nowMs >= session.usedAt + idleMs) {
    throw over('AUTH_EXPIRED', 'The session was not used for too long.');
  }
  if (nowMs >= session.usedAt + idleMs * touchShare) {
    await touchSession(pool, session.handle, nowMs);
  }
}

type KnownSession = Pick<
  SessionRow,
  | 'organisation'
  | 'actor'
  | 'ref'
  | 'roles'
  | 'attributes'
  | 'email'
  | 'handle'
  | 'issuer'
  | 'expiresAt'
>;

export function identityOf(session: KnownSession): Identity {
  return {
    organisation: session.organisation,
    actor: session.actor,
    actorType: 'user',
    strategy: session.ref,
    platformAdmin: false,
    keyScopes: undefined,
    roles: session.roles,
    attributes: session.attributes,
    ...(session.email !== null && { email: session.email }),
    credential: {
      kind: 'session',
      id: session.handle,
      issuer: session.issuer,
      expiresAt: session.expiresAt,
    },
  };
}

function over(
  code: 'AUTH_INVALID_TOKEN' | 'AUTH_EXPIRED' | 'AUTH_REVOKED',
  message: string,
): VelocityError {
  return new VelocityError(code, message, { hint: 'Sign in again: /auth/login.' });
}
