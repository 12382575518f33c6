import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export type Route = (asked: Asked) => Answer | Promise<Answer>;

export interface LocalApi {
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly asked: Asked[];
}

/** A real HTTP server for this test, answering `METHOD /path`; problems for everything else. */
export async function startLocalApi(routes: Readonly<Record<string, Route>>): Promise<LocalApi> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://local');
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: await text(request),
      };
      asked.push(one);
      const route = routes[`${one.method} ${one.path}`];
      const answer = route === undefined ? notFound(one.path) : await route(one);
      const { status = 200, headers = {}, body } = answer;
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': type, ...headers });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export function problem(
  status: number,
  code: string,
  detail: string,
  more: Record<string, unknown> = {},
): Answer {
  return { status, body: { status, code, title: code, detail, requestId: 'req-1', ...more } };
}

function notFound(path: string): Answer {
  return problem(404, 'ENTITY_NOT_FOUND', `there is nothing at ${path}`);
}

export const airportPath = 'acme/travel/flights/airport/v1';

/** What the API says of one schema: its route and the types of its fields. */
export const airportRoutes: Readonly<Record<string, Route>> = {
  'GET /api': () => ({ body: { data: [{ path: airportPath }] } }),
  'GET /api/openapi.json': () => ({
    body: {
      paths: {
        [`/api/${airportPath}`]: {
          post: {
            requestBody: {
              content: { 'application/json': { schema: { $ref: '#/components/schemas/airport' } } },
            },
          },
        },
      },
      components: { schemas: { airport: { type: 'object', properties: airportProperties } } },
    },
  }),
};

const airportProperties = {
  iata: { type: 'string' },
  name: { type: ['string', 'null'] },
  gates: { type: ['integer', 'string', 'null'], format: 'int64' },
  altitude: { type: ['number', 'null'] },
  open: { type: ['boolean', 'null'] },
  tags: { type: ['array', 'null'], items: { type: 'string' } },
  extra: {},
  position: {
    type: ['object', 'null'],
    properties: { lat: { type: 'number' }, lon: { type: 'number' } },
  },
};
