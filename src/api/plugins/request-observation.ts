import type { FastifyInstance } from 'fastify';
import type { Observe } from '../../observe.ts';

/** What no route matched, in one label: paths would be as many as callers like. */
const unmatched = 'unmatched';

/** One observation per answered request; never its body, query or headers. */
export function installRequestObservation(app: FastifyInstance, observe: Observe): void {
  app.addHook('onResponse', (request, reply, done) => {
    observe({
      type: 'request.finished',
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? unmatched,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 1_000) / 1_000,
      code: request.errorCode ?? undefined,
      organisation: request.identity?.organisation,
      actor: request.identity?.actor,
    });
    done();
  });
}
