import type { Pool } from '../../store/pool.ts';

export interface SessionRow {
  readonly handle: string;
  /** `{namespace}/{name}` of the strategy. */
  readonly ref: string;
  readonly organisation: string;
  readonly specHash: Buffer;
  readonly issuer: string;
  readonly subject: string;
  readonly actor: string;
  readonly email: string | null;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Every time in milliseconds of the clock. */
  readonly usedAt: number;
  readonly expiresAt: number;
  readonly ended: boolean;
  /** When the issuer is to be asked again; null: it gave nothing to ask with. */
  readonly refreshAt: number | null;
  readonly retryAt: number | null;
  /** When the id that was asked by was replaced; null while it is the session's own. */
  readonly replacedAt: number | null;
}

/** The session of an id, or of the id that it had before its last rotation. */
export async function findSession(pool: Pool, idHash: Buffer): Promise<SessionRow | undefined> {
  const { rows } = await pool.query<SessionRow>({
    name: 'auth.find-session',
    text: `
      select ${columns}, case when id_hash <> $1::bytea then ${ms('rotated_at')} end as "replacedAt"
        from platform.sessions
       where id_hash = $1::bytea or previous_hash = $1::bytea`,
    values: [idHash],
  });
  return rows[0];
}

/** The same by its handle, as it is now. */
export async function readSession(pool: Pool, handle: string): Promise<SessionRow | undefined> {
  const { rows } = await pool.query<SessionRow>({
    name: 'auth.read-session',
    text: `select ${columns}, null as "replacedAt" from platform.sessions where handle = $1::uuid`,
    values: [handle],
  });
  return rows[0];
}

const columns = `
  handle, namespace || '/' || strategy as "ref", organisation, spec_hash as "specHash", issuer, subject,
  actor, email, roles, attributes, ended_at is not null as "ended", ${ms('used_at')} as "usedAt",
  ${ms('expires_at')} as "expiresAt", ${ms('refresh_at')} as "refreshAt", ${ms('retry_at')} as "retryAt"`;

function ms(column: string): string {
  return `(extract(epoch from ${column}) * 1000)::float8`;
}
