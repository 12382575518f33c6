import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app-deps.ts';
import { buildOpenApi } from '../openapi/build-openapi.ts';
import { decidePlatformAccess } from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { isNotModified } from '../request-headers.ts';

/** The description of what this caller may use; made anew each time, since rights expire by the clock. */
export function addOpenApiRoute(app: FastifyInstance, deps: AppDeps): void {
  app.get('/api/openapi.json', { config: { access: 'caller' } }, (request, reply) => {
    const identity = identityOf(request);
    const snapshot = deps.registry.snapshot();
    const nowMs = deps.now();
    const document = JSON.stringify(
      buildOpenApi({
        identity,
        snapshot,
        nowMs,
        version: deps.version,
        administers: decidePlatformAccess(identity, snapshot, nowMs).anything,
      }),
    );
    const etag = `"${createHash('sha256').update(document).digest('base64url')}"`;
    reply.header('etag', etag).header('vary', 'Authorization, X-API-Key');
    if (isNotModified(request, etag)) return reply.code(304).send();
    return reply.header('content-type', 'application/json; charset=utf-8').send(document);
  });
}
