import type { FastifyInstance } from 'fastify';
import type { DrainState } from '../app-deps.ts';

/**
 * On every answer. `no-cache` lets a caller keep a record and ask with If-None-Match; `private`
 * keeps proxies from showing it to another. The API never serves a page, so nothing may frame or run.
 */
const secure = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

/** Request id and security headers; while draining also the word that this connection ends. */
export function installResponseHeaders(app: FastifyInstance, drain: DrainState): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.headers(secure);
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (drain.phase === 'closing') reply.header('connection', 'close');
    done(null, payload);
  });
}
