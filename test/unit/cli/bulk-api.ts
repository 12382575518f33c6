import type { Answer, Asked, Route } from './local-api.ts';
import { airportPath, airportRoutes, problem } from './local-api.ts';

export interface BulkApi {
  readonly routes: Readonly<Record<string, Route>>;
  /** What was applied, in order. */
  readonly records: Record<string, unknown>[];
  /** Answered instead, once each, before anything is applied. */
  readonly instead: Answer[];
  /** Called after a batch was applied and before its answer leaves. */
  afterBatch: (batches: number) => Promise<void> | void;
}

/** The bulk route with unique iata codes and idempotency keys, as far as a loader can tell. */
export function createBulkApi(): BulkApi {
  const answers = new Map<string, { body: string; answer: Answer }>();
  const api: BulkApi = {
    records: [],
    instead: [],
    afterBatch: () => {},
    routes: {
      ...airportRoutes,
      [`POST /api/${airportPath}/bulk`]: async (asked: Asked) => {
        const instead = api.instead.shift();
        if (instead !== undefined) return instead;
        if (asked.query.get('atomic') !== 'false') return problem(400, 'BAD_REQUEST', 'atomic');
        const key = String(asked.headers['idempotency-key']);
        const before = answers.get(key);
        if (before !== undefined) {
          return before.body === asked.body
            ? before.answer
            : problem(409, 'IDEMPOTENCY_CONFLICT', 'another body');
        }
        if (asked.body.includes('\\u0000')) {
          return problem(400, 'VALIDATION_ERROR', 'The body holds a NUL character.');
        }
        const answer = { body: { data: apply(api.records, asked.body) } };
        answers.set(key, { body: asked.body, answer });
        await api.afterBatch(answers.size);
        return answer;
      },
    },
  };
  return api;
}

function apply(records: Record<string, unknown>[], body: string) {
  const operations = JSON.parse(body) as { op: string; record: Record<string, unknown> }[];
  return operations.map(({ record }, index) => {
    if (typeof record['iata'] !== 'string') {
      return {
        index,
        status: 400,
        error: { code: 'VALIDATION_ERROR', detail: 'iata is required' },
      };
    }
    if (records.some(({ iata }) => iata === record['iata'])) {
      const error = { code: 'UNIQUE_CONSTRAINT_VIOLATION', detail: 'iata is taken' };
      return { index, status: 409, error };
    }
    records.push(record);
    return { index, status: 201, id: `id-${records.length}`, version: 1 };
  });
}
