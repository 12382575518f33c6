import type { RequestOptions } from 'node:https';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Agent } from 'undici';
import { KubernetesError } from './kubernetes-error.ts';

/** How the Kubernetes API is reached and who asks. */
export interface KubernetesAccess {
  /** Path of a kubeconfig, its current context. Undefined: the pod's own service account. */
  readonly kubeconfig: string | undefined;
  /** Where Velocity's own Leases and Events about itself live. Undefined: the context's namespace. */
  readonly namespace: string | undefined;
  /** An answer that takes longer counts as none. */
  readonly answerWithinMs?: number;
}

export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/api` or `/apis`, without the query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Of the body; JSON otherwise. PATCH says which kind of patch it is. */
  readonly contentType?: string;
  /** JSON of the kind itself otherwise. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

/** Plain requests to the Kubernetes API, as JSON. */
export interface KubernetesClient {
  /** Where Velocity's own objects live. */
  readonly namespace: string;
  /** The answer's JSON. Throws KubernetesError for an answer that is no 2xx, and for none. */
  request<T>(request: KubernetesRequest): Promise<T>;
  /** As `request`; undefined for an object that is not there. */
  find<T>(request: KubernetesRequest): Promise<T | undefined>;
  /**
   * One JSON value a line, for watches; resolves when the answer has begun. Throws when nothing at
   * all comes for `silenceMs`.
   */
  stream(
    request: KubernetesRequest & { readonly silenceMs: number },
  ): Promise<AsyncIterable<unknown>>;
  close(): Promise<void>;
}

export const patchTypes = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const;

/** Answers take milliseconds, a page of a large list a second: who waits longer asks a dead connection. */
const answerWithinMsDefault = 10_000;
const jsonType = 'application/json';
const connectWithinMs = 5_000;
/** What the API server asks for with 429 is kept to, within reason. */
const throttledTriesMax = 5;
const throttledWaitMsMax = 5_000;
const namespaceDefault = 'velocity-system';

/**
 * The client library reads kubeconfigs and knows every way to log in; requests go out here, since it
 * opens a new TLS connection for each of its own.
 */
export async function createKubernetesClient(access: KubernetesAccess): Promise<KubernetesClient> {
  const { answerWithinMs = answerWithinMsDefault } = access;
  // Loaded with the first cluster: who keeps resources in Postgres or a folder does without its memory.
  const { Agent } = await import('undici');
  const config = await loadConfig(access.kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no current cluster');
  const server = new URL(cluster.server);
  const prefix = server.pathname.replace(/\/$/, '');
  const context = config.getContextObject(config.getCurrentContext());
  let agent: { readonly identity: string; readonly dispatcher: Agent } | undefined;

  /** Tokens and client certificates may be renewed at any time: asked for every request. */
  async function logIn(): Promise<{ dispatcher: Agent; headers: Record<string, string> }> {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const identity = `${String(cert)}\n${String(key)}`;
    if (agent?.identity !== identity) {
      // Streams of the former certificate go on until they end by themselves.
      void agent?.dispatcher.close();
      const tls = { ca, cert, key, rejectUnauthorized, servername };
      const given = Object.entries(tls).filter(([, value]) => value !== undefined);
      const connect = { ...Object.fromEntries(given), timeout: connectWithinMs };
      agent = { identity, dispatcher: new Agent({ connect }) };
    }
    return { dispatcher: agent.dispatcher, headers: options.headers as Record<string, string> };
  }

  async function send(request: KubernetesRequest, silenceMs: number) {
    const { method, path, query = {}, body, contentType = jsonType, signal } = request;
    const url = new URL(`${prefix}${path}`, server);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    try {
      const { dispatcher, headers } = await logIn();
      return await dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...headers, accept: request.accept ?? jsonType, 'content-type': contentType },
        body: body === undefined ? null : JSON.stringify(body),
        headersTimeout: answerWithinMs,
        bodyTimeout: silenceMs,
        signal: signal ?? null,
      });
    } catch (cause) {
      throw KubernetesError.unreachable(request, cause);
    }
  }

  async function request<T>(asked: KubernetesRequest): Promise<T> {
    for (let tries = 1; ; tries++) {
      const answer = await send(asked, answerWithinMs);
      const text = await answer.body.text().catch((cause: unknown) => {
        throw KubernetesError.unreachable(asked, cause);
      });
      if (answer.statusCode < 300) return JSON.parse(text) as T;
      const retryAfterMs = Number(answer.headers['retry-after']) * 1_000;
      if (answer.statusCode !== 429 || tries >= throttledTriesMax || !(retryAfterMs >= 0)) {
        throw KubernetesError.refused(asked, answer.statusCode, text);
      }
      await sleep(Math.min(retryAfterMs, throttledWaitMsMax), undefined, {
        ...(asked.signal !== undefined && { signal: asked.signal }),
      });
    }
  }

  return {
    namespace: access.namespace ?? context?.namespace ?? namespaceDefault,
    request,
    find: (asked) =>
      request<never>(asked).catch((error: unknown) => {
        if (error instanceof KubernetesError && error.isMissingObject) return undefined;
        throw error;
      }),
    stream: async (asked) => {
      const answer = await send(asked, asked.silenceMs);
      if (answer.statusCode < 300) return parseLines(asked, answer.body);
      throw KubernetesError.refused(asked, answer.statusCode, await answer.body.text());
    },
    close: async () => {
      await agent?.dispatcher.destroy();
    },
  };
}

async function loadConfig(kubeconfig: string | undefined): Promise<KubeConfig> {
  // A quarter of a second and 60 MB that only those with a cluster pay.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  return config;
}

async function* parseLines(asked: KubernetesRequest, body: Readable): AsyncIterable<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  } catch (cause) {
    throw KubernetesError.unreachable(asked, cause);
  } finally {
    body.destroy();
  }
}
