import type { FastifyInstance } from 'fastify';
import Fastify from 'fastify';
import type { AppDeps } from './app-deps.ts';
import { answerByNewestRevision } from './fresh-schema.ts';
import { collectAllowedMethods } from './plugins/allowed-methods.ts';
import { installAuthentication } from './plugins/authentication.ts';
import { answerClientError, installProblems, sendFrameworkProblem } from './plugins/problem.ts';
import { installRateLimits } from './plugins/rate-limits.ts';
import { bodyBytesMax, installRequestBody } from './plugins/request-body.ts';
import { requestIdOf } from './plugins/request-id.ts';
import { installRequestObservation } from './plugins/request-observation.ts';
import { installResponseHeaders } from './plugins/response-headers.ts';
import { installServerTiming } from './plugins/server-timing.ts';
import { installVersionHeaders } from './plugins/version-headers.ts';
import { requireRouteAccess } from './route-access.ts';
import { addApiKeyRoutes } from './routes/api-keys.ts';
import { addAuthRoutes } from './routes/auth.ts';
import { addDocsRoutes } from './routes/docs.ts';
import { addExplainRoute } from './routes/explain.ts';
import { addObjectRoutes } from './routes/objects.ts';
import { addOpenApiRoute } from './routes/openapi.ts';
import { addPlatformStatusRoutes } from './routes/platform-status.ts';
import { addReconcileRoute } from './routes/reconcile-schema.ts';
import { addRecordHistoryRoute } from './routes/record-history.ts';
import { addRecordRoutes } from './routes/records.ts';
import { addRevocationRoutes } from './routes/revocations.ts';
import { addRoleRoute } from './routes/roles.ts';
import { addRotateApiKeyRoute } from './routes/rotate-api-key.ts';
import { addSchemaDriftRoutes } from './routes/schema-drift.ts';
import { addSchemaPlanRoutes } from './routes/schema-plans.ts';
import { addSchemaVersionRoutes } from './routes/schema-versions.ts';
import { addSecretRoutes } from './routes/secrets.ts';
import { addWorkflowRoute } from './routes/workflows.ts';
import { trustProxies } from './trusted-proxies.ts';

/** A client that sends nothing for this long is cut off; the longest upload is 16 MiB. */
const requestTimeoutMs = 60_000;
/** Names have at most 63 bytes; keys of resources somewhat more. */
const paramLengthMax = 256;

/** The HTTP surface over its parts; listens nowhere, so tests inject requests. */
export function buildApp(deps: AppDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    trustProxy: trustProxies(deps.trustedProxies),
    routerOptions: { maxParamLength: paramLengthMax },
    genReqId: (request) => requestIdOf(request, deps.newId),
    // While draining, whatever still arrives on an open connection is served, never turned away.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) =>
      sendFrameworkProblem(error, request, reply, deps.observer.observe),
    clientErrorHandler: (error, socket) => answerClientError(error, socket, deps.newId),
  });
  app.decorateRequest('bodyHash', null);
  app.decorateRequest('errorCode', null);
  requireRouteAccess(app);
  const refuseOtherMethods = collectAllowedMethods(app);

  installResponseHeaders(app, deps.drain);
  installAuthentication(app, deps);
  installRateLimits(app, deps);
  installServerTiming(app, deps);
  installVersionHeaders(app, deps);
  installRequestBody(app);
  installProblems(app, deps);
  installRequestObservation(app, deps.observer.observe);
  answerByNewestRevision(app, deps);

  addPlatformStatusRoutes(app, deps);
  addOpenApiRoute(app, deps);
  addDocsRoutes(app);
  addAuthRoutes(app, deps);
  addObjectRoutes(app, deps);
  addApiKeyRoutes(app, deps);
  addRevocationRoutes(app, deps);
  addRotateApiKeyRoute(app, deps);
  addRoleRoute(app, deps);
  addSecretRoutes(app, deps);
  addSchemaPlanRoutes(app, deps);
  addSchemaDriftRoutes(app, deps);
  addSchemaVersionRoutes(app, deps);
  addReconcileRoute(app, deps);
  addWorkflowRoute(app, deps);
  addExplainRoute(app, deps);
  addRecordRoutes(app, deps);
  addRecordHistoryRoute(app, deps);
  refuseOtherMethods();
  return app;
}
