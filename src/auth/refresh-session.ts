import { setTimeout as sleep } from 'node:timers/promises';
import { VelocityError } from '../errors.ts';
import type { StrategyEntry } from '../resources/registry/snapshot.ts';
import type { Sealed } from '../resources/secrets/seal.ts';
import { readClaims } from './session-claims.ts';
import type { SessionDeps } from './session-deps.ts';
import { hashSessionId, newSessionId, openToken, sealToken } from './session-tokens.ts';
import type { SessionRow } from './sql/find-session.ts';
import { readSession } from './sql/find-session.ts';
import { claimRefresh, endSession, postponeRefresh, rotateSession } from './sql/write-session.ts';

export interface Refreshed {
  readonly row: SessionRow;
  /** The session's new id, for the one request that has brought it about. */
  readonly newId?: string;
}

/** The issuer is given up on before this; then whoever comes next may try. */
const claimMs = 30_000;
/** After a failure the issuer is left alone for a moment. */
const retryMs = 5_000;
const pollMs = 50;

/**
 * Asks the issuer whether the person is still who they were, and what they may do now. Over all
 * replicas one request does it, which a row of the database decides: a refresh token that is shown
 * twice is taken for a stolen one. The others wait for what it finds.
 */
export async function refreshSession(
  deps: SessionDeps,
  session: SessionRow,
  strategy: StrategyEntry,
): Promise<Refreshed> {
  const { pool, now } = deps;
  // Ends: a claim lasts no longer than claimMs.
  for (let waitedMs = 0; waitedMs <= claimMs; waitedMs += pollMs) {
    const nowMs = now();
    const times = { nowMs, untilMs: nowMs + claimMs };
    const sealed = await claimRefresh(pool, session.handle, times);
    if (sealed !== undefined) return renew(deps, session, { strategy, sealed });
    const row = await readSession(pool, session.handle);
    if (row === undefined || row.ended) throw ended();
    if (row.refreshAt === null || row.refreshAt > now()) return { row };
    if (row.retryAt !== null && row.retryAt > now()) throw notNow();
    await sleep(pollMs);
  }
  throw notNow();
}

async function renew(
  deps: SessionDeps,
  session: SessionRow,
  { strategy, sealed }: { readonly strategy: StrategyEntry; readonly sealed: Sealed },
): Promise<Refreshed> {
  const { pool, now } = deps;
  try {
    const { refreshTokenGrant } = await import('openid-client');
    const token = openToken(sealed, session, deps.keys);
    const client = await deps.clients.get(strategy);
    const answer = await refreshTokenGrant(client, token);
    const { claims, refreshToken, refreshAt } = await readClaims(client, strategy, answer, session);
    const newId = newSessionId(deps);
    const rotated = await rotateSession(
      pool,
      {
        handle: session.handle,
        idHash: hashSessionId(newId),
        claims,
        sealed: sealToken(refreshToken ?? token, session, deps),
        refreshAt: refreshAt(now()),
      },
      now(),
    );
    const row = rotated ? await readSession(pool, session.handle) : undefined;
    if (row === undefined) throw ended();
    return { row, newId };
  } catch (cause) {
    deps.observe({ type: 'session.refresh-failed', strategy: strategy.ref, cause });
    if (isFinal(cause)) {
      await endSession(pool, session.handle, now());
      throw ended(cause);
    }
    deps.clients.learnFrom(strategy, cause);
    await postponeRefresh(pool, session.handle, now() + retryMs);
    throw notNow(cause);
  }
}

/** The issuer has taken the grant back or speaks of somebody else, or the session has just ended. */
function isFinal(cause: unknown): boolean {
  if (cause instanceof VelocityError) return cause.code === 'AUTH_REVOKED';
  const { error, code } = cause as { error?: unknown; code?: unknown };
  return error === 'invalid_grant' || otherPerson.has(code);
}

const otherPerson: ReadonlySet<unknown> = new Set([
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
]);

function ended(cause?: unknown): VelocityError {
  return new VelocityError('AUTH_REVOKED', 'The identity provider has ended the session.', {
    ...{ hint: 'Sign in again: /auth/login.', cause },
  });
}

/** Nothing is lost: the session goes on once the issuer answers. */
function notNow(cause?: unknown): VelocityError {
  return new VelocityError('AUTH_EXPIRED', 'The identity provider cannot be asked now.', {
    ...{ hint: 'Send the request again in some seconds.', cause },
  });
}
