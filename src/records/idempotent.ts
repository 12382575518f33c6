import { sqlState } from '../store/database-error.ts';
import type { SessionContext, Statement } from '../store/statement.ts';
import type { RecordAnswer, RequestContext } from './request-context.ts';

/** What the write's own statement stores, so that the answer and the write stand or fall together. */
export interface KeptAnswer {
  readonly arguments: readonly { readonly value: unknown; readonly type: string }[];
}

export interface StoredAnswer {
  readonly status: number;
  readonly id: string;
  readonly version: number;
  readonly body: string;
}

/** The arguments of idempotency_keep that are known before the write; undefined without a key. */
export function keptAnswer(ctx: RequestContext): KeptAnswer | undefined {
  const { idempotency, identity } = ctx;
  if (idempotency === undefined) return undefined;
  return {
    arguments: [
      { value: identity.organisation, type: 'text' },
      { value: identity.actor, type: 'text' },
      { value: idempotency.route, type: 'text' },
      { value: idempotency.key, type: 'text' },
      { value: idempotency.bodyHash, type: 'bytea' },
    ],
  };
}

/**
 * Runs a write, claiming the idempotency key before it where there is one. `stored` is set when an
 * earlier request with the same key and body has its answer already; then nothing was written.
 */
export async function transactOnce<Row>(
  ctx: RequestContext,
  session: SessionContext,
  write: readonly Statement[],
): Promise<{ rows: Row[]; stored?: undefined } | { stored: StoredAnswer }> {
  const claim = claimOf(ctx);
  if (claim === undefined) {
    const results = await ctx.deps.pipeline.transact<Row>(session, write);
    return { rows: results.flatMap((result) => result.rows) };
  }
  try {
    const [, ...results] = await ctx.deps.pipeline.transact<Row>(session, [claim, ...write]);
    return { rows: results.flatMap((result) => result.rows) };
  } catch (error) {
    if (sqlState(error) !== 'VE002') throw error;
    return { stored: await readAnswer(ctx, session) };
  }
}

/**
 * The kept answer of an earlier request with this key, for writes that look at the record first: what
 * they find there may be that request's own doing, so its answer counts and not the refusal.
 */
export async function findAnswer(
  ctx: RequestContext,
  session: SessionContext,
): Promise<StoredAnswer | undefined> {
  if (ctx.idempotency === undefined) return undefined;
  const outcome = await transactOnce(ctx, session, []);
  return outcome.stored;
}

export function claimOf(ctx: RequestContext): Statement | undefined {
  const kept = keptAnswer(ctx);
  return (
    kept && {
      name: 'idempotency.claim',
      text: 'select platform.idempotency_claim($1::text, $2::text, $3::text, $4::text, $5::bytea)',
      values: kept.arguments.map(({ value }) => value),
    }
  );
}

/** Keeps an answer that no single write makes: that of a bulk. */
export function keepStatement(ctx: RequestContext, body: string): Statement | undefined {
  const kept = keptAnswer(ctx);
  return (
    kept && {
      name: 'idempotency.keep',
      text: 'select platform.idempotency_keep($1::text, $2::text, $3::text, $4::text, $5::bytea, 200, null, null, $6::text)',
      values: [...kept.arguments.map(({ value }) => value), body],
    }
  );
}

export async function readAnswer(
  ctx: RequestContext,
  session: SessionContext,
): Promise<StoredAnswer> {
  const values = (keptAnswer(ctx)?.arguments ?? []).slice(0, 4).map(({ value }) => value);
  const [result] = await ctx.deps.pipeline.transact<StoredAnswer>(session, [
    {
      name: 'idempotency.answer',
      text: 'select status, id, version, body from platform.idempotency_answer($1::text, $2::text, $3::text, $4::text)',
      values,
    },
  ]);
  const row = result?.rows[0];
  if (row === undefined) throw new Error('the kept answer of an idempotency key is gone');
  return row;
}

/** The answer that an earlier request with the same key was given. */
export function replay(stored: StoredAnswer): RecordAnswer {
  return {
    status: stored.status === 201 ? 201 : 200,
    id: stored.id,
    version: stored.version,
    data: stored.body,
    replayed: true,
  };
}
