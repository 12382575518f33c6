import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api-client.ts';
import { ApiRefusal, Unreachable } from '../failures.ts';
import type { Batch } from './batch-rows.ts';
import type { Rejection } from './rejected-file.ts';
import type { Row } from './row.ts';

export interface BatchResult {
  readonly batch: Batch;
  readonly created: number;
  readonly skipped: number;
  readonly rejections: readonly Rejection[];
}

export interface SendOptions {
  readonly api: ApiClient;
  readonly path: string;
  /** Same for the same batch of the same load, whenever it is sent. */
  readonly idempotencyKey: string;
  readonly skipExisting: boolean;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  onRetry(waitMs: number, reason: string): void;
}

/** One operation's outcome in the answer of bulk. */
interface Outcome {
  readonly index: number;
  readonly status: number;
  readonly error?: { readonly code?: string; readonly detail?: string; readonly details?: unknown };
}

/** About five minutes in all: an API that restarts is back by then. */
const attemptsMax = 14;
const firstWaitMs = 250;
const waitMsMax = 30_000;

/** Applies a batch once, however often it is sent; every row ends created, skipped or rejected. */
export async function sendBatch(batch: Batch, options: SendOptions): Promise<BatchResult> {
  const rejections: Rejection[] = [];
  const readable: Row[] = [];
  for (const row of batch.rows) {
    if (row.unreadable === undefined) readable.push(row);
    else rejections.push({ row, code: 'VALIDATION_ERROR', detail: row.unreadable.reason });
  }
  const result = await sendRows(readable, options, '');
  const all = [...rejections, ...result.rejections].toSorted((a, b) => a.row.line - b.row.line);
  return { batch, created: result.created, skipped: result.skipped, rejections: all };
}

type RowsResult = Omit<BatchResult, 'batch'>;

async function sendRows(
  rows: readonly Row[],
  options: SendOptions,
  part: string,
): Promise<RowsResult> {
  if (rows.length === 0) return { created: 0, skipped: 0, rejections: [] };
  try {
    return readOutcomes(rows, await post(rows, options, part), options.skipExisting);
  } catch (error) {
    if (!isAboutContent(error)) throw error;
    const { problem } = error;
    if (rows.length === 1) {
      const rejection: Rejection = {
        row: rows[0]!,
        code: problem.code ?? String(error.status),
        detail: error.message,
        ...(problem.details === undefined ? {} : { details: problem.details }),
      };
      return { created: 0, skipped: 0, rejections: [rejection] };
    }
    // One row can make a whole body unacceptable (a NUL character, nesting): halving finds it.
    const middle = Math.ceil(rows.length / 2);
    const left = await sendRows(rows.slice(0, middle), options, `${part}a`);
    const right = await sendRows(rows.slice(middle), options, `${part}b`);
    return {
      created: left.created + right.created,
      skipped: left.skipped + right.skipped,
      rejections: [...left.rejections, ...right.rejections],
    };
  }
}

/** Refusals of the body itself; others (a missing role, a retired schema) concern every row alike. */
function isAboutContent(error: unknown): error is ApiRefusal {
  if (!(error instanceof ApiRefusal)) return false;
  const { code } = error.problem;
  if (error.status === 413) return true;
  return error.status === 400 && (code === 'VALIDATION_ERROR' || code === 'BAD_REQUEST');
}

async function post(
  rows: readonly Row[],
  options: SendOptions,
  part: string,
): Promise<readonly Outcome[]> {
  const rawBody = `[${rows.map(({ json }) => `{"op":"create","record":${json}}`).join(',')}]`;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await options.api.send<{ data: Outcome[] }>(
        'POST',
        `/api/${options.path}/bulk`,
        {
          query: { atomic: 'false' },
          rawBody,
          headers: {
            ...options.headers,
            'content-type': 'application/json',
            'idempotency-key': `${options.idempotencyKey}${part === '' ? '' : `.${part}`}`,
          },
          signal: options.signal,
        },
      );
      return answer.body.data;
    } catch (error) {
      const waitMs = waitBeforeRetry(error, attempt);
      if (waitMs === undefined || attempt >= attemptsMax) throw error;
      options.onRetry(waitMs, (error as Error).message);
      await sleep(waitMs, undefined, { signal: options.signal });
    }
  }
}

/** Undefined: sending it again would not help. */
function waitBeforeRetry(error: unknown, attempt: number): number | undefined {
  const backoffMs = Math.min(waitMsMax, firstWaitMs * 2 ** (attempt - 1));
  // Half to all of it: batches that failed together do not come back together.
  const jitteredMs = backoffMs * (0.5 + Math.random() / 2);
  if (error instanceof Unreachable) return jitteredMs;
  if (!(error instanceof ApiRefusal)) return undefined;
  const temporary =
    [429, 502, 503, 504].includes(error.status) || error.problem.code === 'IDEMPOTENCY_IN_PROGRESS';
  if (!temporary || error.problem.code === 'QUOTA_EXCEEDED') return undefined;
  return Math.max(error.retryAfterMs ?? 0, jitteredMs);
}

function readOutcomes(
  rows: readonly Row[],
  outcomes: readonly Outcome[],
  skipExisting: boolean,
): RowsResult {
  let created = 0;
  let skipped = 0;
  const rejections: Rejection[] = [];
  for (const { index, status, error } of outcomes) {
    const row = rows[index];
    if (row === undefined) continue;
    if (status < 400) created++;
    else if (skipExisting && error?.code === 'UNIQUE_CONSTRAINT_VIOLATION') skipped++;
    else {
      rejections.push({
        row,
        code: error?.code ?? String(status),
        detail: error?.detail ?? `the API answered ${status}`,
        ...(error?.details === undefined ? {} : { details: error.details }),
      });
    }
  }
  return { created, skipped, rejections };
}
