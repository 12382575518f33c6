import type { Sealed } from '../../resources/secrets/seal.ts';
import type { Pool } from '../../store/pool.ts';
import type { SessionClaims } from '../session-claims.ts';

/** What a sign-in and every renewal of it write. Times in milliseconds of the clock. */
export interface SessionState {
  readonly handle: string;
  readonly idHash: Buffer;
  readonly claims: SessionClaims;
  /** The refresh token; undefined: the issuer gave none. */
  readonly sealed: Sealed | undefined;
  readonly refreshAt: number | undefined;
}

export interface NewSession extends SessionState {
  readonly organisation: string;
  readonly namespace: string;
  readonly strategy: string;
  readonly specHash: Buffer;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export async function createSession(pool: Pool, session: NewSession): Promise<void> {
  const { claims, sealed } = session;
  await pool.query({
    name: 'auth.create-session',
    text: `
      insert into platform.sessions
             (handle, id_hash, organisation, namespace, strategy, spec_hash, issuer, subject, actor, email, roles,
              attributes, sealed_by, nonce, sealed, refresh_at, created_at, used_at, expires_at)
      values ($1::uuid, $2::bytea, $3::text, $4::text, $5::text, $6::bytea, $7::text, $8::text, $9::text, $10::text,
              $11::text[], $12::jsonb, $13::text, $14::bytea, $15::bytea, $16::timestamptz, $17::timestamptz,
              $17::timestamptz, $18::timestamptz)`,
    values: [
      session.handle,
      session.idHash,
      session.organisation,
      session.namespace,
      session.strategy,
      session.specHash,
      claims.issuer,
      claims.subject,
      claims.actor,
      claims.email ?? null,
      claims.roles,
      JSON.stringify(claims.attributes),
      ...sealedValues(sealed),
      time(session.refreshAt),
      time(session.createdAt),
      time(session.expiresAt),
    ],
  });
}

/** The id before goes on for a moment: requests with it may be on their way. */
export async function rotateSession(
  pool: Pool,
  session: SessionState,
  nowMs: number,
): Promise<boolean> {
  const { claims, sealed } = session;
  const { rowCount } = await pool.query({
    name: 'auth.rotate-session',
    text: `
      update platform.sessions
         set previous_hash = id_hash, rotated_at = $2::timestamptz, id_hash = $3::bytea, email = $4::text,
             roles = $5::text[], attributes = $6::jsonb, sealed_by = $7::text, nonce = $8::bytea,
             sealed = $9::bytea, refresh_at = $10::timestamptz, refreshing_until = null, retry_at = null
       where handle = $1::uuid and ended_at is null`,
    values: [
      session.handle,
      time(nowMs),
      session.idHash,
      claims.email ?? null,
      claims.roles,
      JSON.stringify(claims.attributes),
      ...sealedValues(sealed),
      time(session.refreshAt),
    ],
  });
  return rowCount > 0;
}

/** Of all replicas one gets the refresh token of a session that is due. */
export async function claimRefresh(
  pool: Pool,
  handle: string,
  times: { readonly nowMs: number; readonly untilMs: number },
): Promise<Sealed | undefined> {
  const { rows } = await pool.query<Sealed>({
    name: 'auth.claim-refresh',
    text: `
      update platform.sessions set refreshing_until = $3::timestamptz
       where handle = $1::uuid and ended_at is null and sealed is not null and refresh_at <= $2::timestamptz
         and (refreshing_until is null or refreshing_until <= $2::timestamptz)
         and (retry_at is null or retry_at <= $2::timestamptz)
   returning sealed_by as "sealedBy", nonce, sealed`,
    values: [handle, time(times.nowMs), time(times.untilMs)],
  });
  return rows[0];
}

/** The refresh failed for now; nobody tries again before `retryMs`. */
export async function postponeRefresh(pool: Pool, handle: string, retryMs: number): Promise<void> {
  await pool.query({
    name: 'auth.postpone-refresh',
    text: `
      update platform.sessions set refreshing_until = null, retry_at = $2::timestamptz
       where handle = $1::uuid`,
    values: [handle, time(retryMs)],
  });
}

export async function touchSession(pool: Pool, handle: string, nowMs: number): Promise<void> {
  await pool.query({
    name: 'auth.touch-session',
    text: `
      update platform.sessions set used_at = $2::timestamptz
       where handle = $1::uuid and used_at < $2::timestamptz`,
    values: [handle, time(nowMs)],
  });
}

/** Ends it for good, and forgets its tokens; answers what the tokens were, the first time. */
export async function endSession(
  pool: Pool,
  handle: string,
  nowMs: number,
): Promise<Sealed | undefined> {
  const { rows } = await pool.query<Sealed | { sealed: null }>({
    name: 'auth.end-session',
    text: `
      with before as (
        select handle, sealed_by, nonce, sealed from platform.sessions
         where handle = $1::uuid and ended_at is null for update
      )
      update platform.sessions s
         set ended_at = $2::timestamptz, sealed_by = null, nonce = null, sealed = null
        from before where s.handle = before.handle
   returning before.sealed_by as "sealedBy", before.nonce, before.sealed`,
    values: [handle, time(nowMs)],
  });
  const [row] = rows;
  return row === undefined || row.sealed === null ? undefined : row;
}

/** Forgets sessions that ended a day ago or more, a bounded number at a time. */
export async function sweepSessions(pool: Pool, nowMs: number): Promise<void> {
  await pool.query({
    name: 'auth.sweep-sessions',
    text: `
      delete from platform.sessions
       where handle in (select handle from platform.sessions
                         where expires_at < $1::timestamptz order by expires_at limit ${sweptMax})`,
    values: [time(nowMs - dayMs)],
  });
}

const dayMs = 86_400_000;
/** So that the delete stays short; what is left waits for the next time. */
const sweptMax = 10_000;

function sealedValues(sealed: Sealed | undefined): (string | Buffer | null)[] {
  return [sealed?.sealedBy ?? null, sealed?.nonce ?? null, sealed?.sealed ?? null];
}

function time(ms: number): string;
function time(ms: number | undefined): string | null;
function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
