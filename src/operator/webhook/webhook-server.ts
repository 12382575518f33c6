import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Observe } from '../../observe.ts';
import type { AdmissionRequest, AdmissionResponse } from './admission-review.ts';
import { admissionApiVersion, parseAdmissionRequest } from './admission-review.ts';
import type { KeyedCertificate } from './certificate.ts';
import type { ReviewDeps } from './review-resource.ts';
import { reviewResource } from './review-resource.ts';
import { stampResource } from './stamp-resource.ts';

export interface WebhookServer {
  readonly port: number;
  /** For new connections; those that are open go on as they are. */
  serve(certificate: KeyedCertificate): void;
  /** Answers what is being asked, then ends. */
  close(): Promise<void>;
}

export interface WebhookServerOptions extends ReviewDeps {
  readonly host: string;
  readonly port: number;
  readonly observe: Observe;
}

/** Two objects of at most 3 MiB, which is what an API server takes. */
const bodyBytesMax = 8 * 1024 * 1024;
/** The API server asks for an answer within ten seconds and sends its request at once. */
const requestTimeoutMs = 10_000;
/** An API server that keeps its connection is let go after this when the process ends. */
const closeWithinMs = 2_000;

/** Answers admission reviews over TLS; until it has a certificate nobody can connect. */
export async function openWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const { host, port } = options;
  let certified = false;
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    void handle(request, response, options);
  });
  server.listen(port, host);
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    serve({ certificate, key }) {
      server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
      certified = true;
    },
    async close() {
      if (!certified) server.closeAllConnections();
      server.close();
      server.closeIdleConnections();
      const forced = setTimeout(() => server.closeAllConnections(), closeWithinMs);
      await once(server, 'close');
      clearTimeout(forced);
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: WebhookServerOptions,
): Promise<void> {
  const startedAt = performance.now();
  const route = request.url?.split('?', 1)[0] ?? '';
  if (request.method === 'GET' && route === '/readyz') return void response.end('ok\n');
  const answer = answers[route];
  if (answer === undefined || request.method !== 'POST') return void end(response, 404);
  try {
    const asked = parseAdmissionRequest(await readJson(request));
    if (asked === undefined) return end(response, 400);
    const answered = await answer(asked, options);
    const review = { apiVersion: admissionApiVersion, kind: 'AdmissionReview', response: answered };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(review));
    options.observe({
      type: 'request.finished',
      ...{ requestId: asked.uid, method: 'POST', route, status: answered.status?.code ?? 200 },
      ...(answered.allowed ? {} : { code: answered.status?.reason }),
      ms: Math.round(performance.now() - startedAt),
    });
  } catch (cause) {
    options.observe({ type: 'request.failed', requestId: route, cause });
    end(response, cause instanceof UnreadableBody ? 400 : 500);
  }
}

type Answer = (
  request: AdmissionRequest,
  deps: ReviewDeps,
) => AdmissionResponse | Promise<AdmissionResponse>;

const answers: Readonly<Record<string, Answer>> = {
  '/admit': async (request, deps) => {
    try {
      return await reviewResource(request, deps);
    } catch (cause) {
      // What cannot be judged is not let in.
      const message = `cannot be judged now: ${(cause as Error).message}`;
      const status = { code: 503, reason: 'ServiceUnavailable', message };
      return { uid: request.uid, allowed: false, status };
    }
  },
  '/stamp': stampResource,
};

class UnreadableBody extends Error {}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new UnreadableBody(`over ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new UnreadableBody('is not JSON', { cause });
  }
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}
