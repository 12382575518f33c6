import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Credentials } from '../../auth/credentials.ts';
import { sessionCookie, setCookie } from '../../auth/session-cookie.ts';
import type { Identity } from '../../contract/identity.ts';
import { assert, VelocityError } from '../../errors.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import type { AppDeps } from '../app-deps.ts';
import { slowAttempts } from './slowed-attempts.ts';

const loopback = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** Before the body is read: who may not call gets no parser to play with. */
export function installAuthentication(app: FastifyInstance, deps: AppDeps): void {
  const slowed = slowAttempts(deps.failedAttempts);
  app.decorateRequest('identity', null);
  app.addHook('onRequest', (request, reply, done) => {
    const { access, operations } = request.routeOptions.config;
    if (access === 'loopback') return done(loopbackRefusal(request));
    if (access === 'public' || request.is404) return done();
    const snapshot = deps.registry.snapshot();
    const schema = access === 'record' ? schemaAt(request, snapshot) : undefined;
    const question = { snapshot, nowMs: deps.now(), schema, operations };
    const credentials = credentialsOf(request, reply);
    const admit = (identity: Identity): void => {
      request.identity = identity;
      try {
        deps.sessions?.requireCsrfToken(identity, credentials);
      } catch (refusal) {
        done(refusal as Error);
        return;
      }
      const { kind, id } = identity.credential;
      if (kind === 'apikey') deps.keyUse?.note(id);
      slowed.remember(identity, credentials);
      done();
    };
    const refuse = (refusal: unknown): void => slowed.refuse(credentials, refusal, done);
    let found: Identity | Promise<Identity>;
    try {
      slowed.requirePatience(credentials);
      found = deps.authenticator.authenticate(credentials, question);
    } catch (refusal) {
      return refuse(refusal);
    }
    if (found instanceof Promise) found.then(admit, refuse);
    else admit(found);
  });
}

function credentialsOf({ headers, method, ip }: FastifyRequest, reply: FastifyReply): Credentials {
  const { authorization, cookie, 'x-api-key': apiKey, 'x-csrf-token': csrfToken } = headers;
  return {
    authorization,
    apiKey: single(apiKey),
    cookie,
    csrfToken: single(csrfToken),
    organisation: single(headers['x-velocity-organisation']),
    method,
    renewSession: (id) => void reply.header('set-cookie', setCookie(sessionCookie, id)),
    remoteAddress: ip,
  };
}

function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

/** The schema that a request for records names, whoever may see it. */
function schemaAt({ params }: FastifyRequest, snapshot: RegistrySnapshot) {
  const { org, app, domain, object, version } = params as Record<string, string>;
  return snapshot.schemas.get(`${org}/${app}/${domain}/${object}/${version}`);
}

export function identityOf(request: FastifyRequest): Identity {
  assert(request.identity !== null, 'a route that asks for its caller authenticates');
  return request.identity;
}

/** The nearest hop has to be on this machine too: what a proxy passes on is from elsewhere. */
function loopbackRefusal({ ip, raw }: FastifyRequest): VelocityError | undefined {
  if (loopback.test(ip) && loopback.test(raw.socket.remoteAddress ?? '')) return undefined;
  return new VelocityError('RBAC_DENIED', 'This address answers callers on its own machine only.', {
    hint: 'Set VELOCITY_METRICS_PORT to serve metrics on a port of their own.',
  });
}
