import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { TestApi } from '../api/test-api.ts';

type Method = NonNullable<InjectOptions['method']>;

export interface Send {
  readonly headers?: Record<string, string>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
}

/** One caller of the API: sends JSON under its key. */
export type Caller = (method: Method, url: string, send?: Send) => Promise<LightMyRequestResponse>;

export function callerOf(api: TestApi, key: string | undefined): Caller {
  return (method, url, { headers = {}, body } = {}) =>
    api.call(key, {
      method,
      url,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && {
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
}

/** The answer without what differs from request to request: for comparing refusals whole. */
export function comparable(answer: LightMyRequestResponse): unknown {
  const { requestId, instance, ...body } = answer.json() as Record<string, unknown>;
  return { status: answer.statusCode, body };
}
