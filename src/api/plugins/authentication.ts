import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authenticate } from '../../auth/authenticate.ts';
import type { Identity } from '../../contract/identity.ts';
import { assert, VelocityError } from '../../errors.ts';
import type { AppDeps } from '../app-deps.ts';

const loopback = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** Before the body is read: who may not call gets no parser to play with. */
export function installAuthentication(app: FastifyInstance, deps: AppDeps): void {
  app.decorateRequest('identity', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const { access } = request.routeOptions.config;
    try {
      if (access === 'loopback') requireLoopback(request);
      else if (access !== 'public' && !request.is404) {
        const { authorization, 'x-api-key': apiKey } = request.headers;
        request.identity = authenticate(
          {
            ...(authorization !== undefined && { authorization }),
            ...(typeof apiKey === 'string' && { apiKey }),
            remoteAddress: request.ip,
          },
          deps.registry.snapshot(),
          deps.now(),
        );
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}

export function identityOf(request: FastifyRequest): Identity {
  assert(request.identity !== null, 'a route that asks for its caller authenticates');
  return request.identity;
}

function requireLoopback(request: FastifyRequest): void {
  if (loopback.test(request.ip)) return;
  throw new VelocityError('RBAC_DENIED', 'This address answers callers on its own machine only.', {
    hint: 'Set VELOCITY_METRICS_PORT to serve metrics on a port of their own.',
  });
}
