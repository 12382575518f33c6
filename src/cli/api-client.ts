import { Agent, request } from 'undici';
import type { ProblemDocument } from './failures.ts';
import { ApiRefusal, CommandFailure, Unreachable } from './failures.ts';

export interface ApiRequest {
  readonly query?: Record<string, string | undefined>;
  readonly headers?: Record<string, string | undefined>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is; the caller sets the content type. */
  readonly rawBody?: string;
  readonly signal?: AbortSignal;
}

export interface ApiAnswer<T = unknown> {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  /** The parsed body; undefined for an empty one. */
  readonly body: T;
}

/** A success as the API writes it. */
export interface Envelope<T> {
  readonly data: T;
  readonly pagination?: {
    readonly limit: number;
    readonly cursor?: string;
    readonly total?: number;
  };
  readonly requestId?: string;
}

/** Asked before every request, since a long command outlives a token. */
export type AccessToken = () => Promise<string>;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A connection that takes longer is not going to happen on any network worth using. */
const connectTimeoutMs = 10_000;
/** A bulk of 10,000 rows on a busy machine; the API's own statement timeout is far below. */
const answerTimeoutMs = 120_000;

/** Speaks to one API with one credential. Owns its connections: `close` them. */
export class ApiClient {
  readonly url: string;
  readonly #apiKey: string | undefined;
  readonly #accessToken: AccessToken | undefined;
  readonly #agent: Agent;

  constructor(options: {
    readonly url: string;
    readonly apiKey: string | undefined;
    readonly accessToken?: AccessToken | undefined;
  }) {
    this.url = options.url.replace(/\/+$/, '');
    this.#apiKey = options.apiKey;
    this.#accessToken = options.accessToken;
    this.#agent = new Agent({
      connect: { timeout: connectTimeoutMs },
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
    });
  }

  /** Throws ApiRefusal for every status from 400 on, and Unreachable when nothing answers. */
  async send<T>(method: Method, path: string, options: ApiRequest = {}): Promise<ApiAnswer<T>> {
    const { status, headers, text } = await this.#exchange(method, path, options);
    const body = parseBody(text, headers['content-type']);
    if (status >= 400) {
      const problem = isObject(body) ? (body as ProblemDocument) : {};
      throw new ApiRefusal(status, problem, retryAfterMs(headers['retry-after']));
    }
    if (text !== '' && body === undefined) {
      throw new CommandFailure(`${this.url} does not answer like a Velocity API (${path})`, {
        hint: 'Check the address: `velocity context show`.',
      });
    }
    return { status, headers, body: body as T };
  }

  async get<T>(path: string, query?: ApiRequest['query']): Promise<T> {
    const answer = await this.send<T>('GET', path, query === undefined ? {} : { query });
    return answer.body;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #exchange(method: Method, path: string, options: ApiRequest): Promise<Exchanged> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#accessToken !== undefined) {
      headers['authorization'] = `Bearer ${await this.#accessToken()}`;
    } else if (this.#apiKey !== undefined) headers['x-api-key'] = this.#apiKey;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined) headers[name.toLowerCase()] = value;
    }
    const body = options.body === undefined ? options.rawBody : JSON.stringify(options.body);
    try {
      const response = await request(`${this.url}${path}${queryString(options.query)}`, {
        method,
        headers,
        dispatcher: this.#agent,
        body: body ?? null,
        signal: options.signal ?? null,
      });
      const text = await response.body.text();
      return { status: response.statusCode, headers: response.headers, text };
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      throw new Unreachable(this.url, reasonOf(error), error);
    }
  }
}

interface Exchanged {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

function queryString(query: ApiRequest['query']): string {
  const given = Object.entries(query ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** Undefined when it is not JSON: a proxy's page, or a server that is something else. */
function parseBody(text: string, contentType: string | string[] | undefined): unknown {
  if (text === '' || !String(contentType).includes('json')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0
    ? seconds * 1_000
    : undefined;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'the connection was cut off',
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'the name cannot be looked up',
    UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
    UND_ERR_HEADERS_TIMEOUT: 'no answer within 2 min',
    UND_ERR_SOCKET: 'the connection was cut off',
  };
  return known[code ?? ''] ?? code ?? error.message;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
