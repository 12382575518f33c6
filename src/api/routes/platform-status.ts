import type { FastifyInstance } from 'fastify';
import type { CompiledSchema } from '../../schema/compile.ts';
import { ageVersion } from '../../schema/version-standing.ts';
import type { AppDeps } from '../app-deps.ts';
import { usableSchemas } from '../openapi/build-openapi.ts';
import { identityOf } from '../plugins/authentication.ts';

/** What people, probes and scrapers ask of the process itself. */
export function addPlatformStatusRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get('/api', { config: { access: 'caller' } }, (request) => {
    const input = {
      identity: identityOf(request),
      snapshot: deps.registry.snapshot(),
      nowMs: deps.now(),
    };
    const data = usableSchemas(input).map(([schema, operations]) => ({
      ...describeAge(schema, input.nowMs),
      path: schema.path,
      href: `/api/${schema.path}`,
      namespace: schema.namespace,
      object: schema.name,
      version: schema.version,
      ...(schema.spec.description !== undefined && { description: schema.spec.description }),
      operations: [...operations.keys()],
    }));
    return { data, requestId: request.id };
  });

  app.get('/version', { config: { access: 'public' } }, (request) => ({
    data: { version: deps.version, node: process.version },
    requestId: request.id,
  }));

  app.get('/healthz', { config: { access: 'public' } }, (request) => ({
    data: { alive: true },
    requestId: request.id,
  }));

  app.get('/readyz', { config: { access: 'public' } }, (request, reply) => {
    const reasons = notReadyBecause(deps);
    reply.code(reasons.length === 0 ? 200 : 503);
    if (reasons.length === 0) {
      return { data: { ready: true, ...warningsOf(deps) }, requestId: request.id };
    }
    return { data: { ready: false, reasons }, detail: reasons.join('; '), requestId: request.id };
  });

  if (deps.serveMetrics) {
    app.get('/metrics', { config: { access: 'loopback' } }, async (_request, reply) => {
      reply.header('content-type', deps.observer.metrics.contentType);
      return deps.observer.metrics.text();
    });
  }
}

/** What the headers of its routes say too; nothing for a version that goes on. */
function describeAge(schema: CompiledSchema, nowMs: number): Record<string, string> {
  const { deprecatedAt, sunsetAt, successor } = ageVersion(schema, nowMs);
  return {
    ...(deprecatedAt !== undefined && { deprecatedAt: new Date(deprecatedAt).toISOString() }),
    ...(sunsetAt !== undefined && { sunsetAt: new Date(sunsetAt).toISOString() }),
    ...(successor !== undefined && { successor }),
  };
}

/**
 * Nothing that another replica would do better, so it stays ready; but who owns a table can disable
 * its triggers, and that is said wherever somebody looks.
 */
function warningsOf({ drift }: AppDeps): { warnings?: string[] } {
  const { byKind, unguarded } = drift?.() ?? { byKind: [], unguarded: 0 };
  const warnings: string[] = [];
  if (byKind.length > 0) warnings.push('the catalogue differs from the schemas: velocity drift');
  if (unguarded > 0) {
    warnings.push(
      `${unguarded} schemas may take writes without history and audit: triggers differ`,
    );
  }
  return warnings.length === 0 ? {} : { warnings };
}

/**
 * The database role is not among them: it was proven before the port was opened. Names no host or
 * schema, since anybody may ask.
 */
function notReadyBecause(deps: AppDeps): string[] {
  return [
    deps.drain.phase !== 'serving' && 'the process is stopping',
    !deps.registry.ready() && 'the registry has not been read from the database yet',
  ].filter((reason) => typeof reason === 'string');
}
