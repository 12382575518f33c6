import type { FastifyInstance } from 'fastify';
import type { RegistrySnapshot } from '../resources/registry/snapshot.ts';
import { isStaleSchema } from '../store/database-error.ts';
import type { AppDeps } from './app-deps.ts';

/** Revisions that may pass under one request before it is told: each takes seconds to come. */
const triesMax = 4;

/**
 * Answers a request for records, and again by the newest revision when the table had changed under
 * it: what the database refused then had no effect. Where the registry has nothing newer, the
 * refusal stands. Call it before the routes are added.
 */
export function answerByNewestRevision(
  app: FastifyInstance,
  { registry }: Pick<AppDeps, 'registry'>,
): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access !== 'record') return;
    const { handler } = route;
    route.handler = async (request, reply) => {
      for (let tries = 1; ; tries++) {
        const seen = registry.snapshot();
        try {
          return await handler.call(app, request, reply);
        } catch (error) {
          if (!isStaleSchema(error) || tries >= triesMax) throw error;
          await registry.refresh();
          if (!hasOtherSchemas(seen, registry.snapshot())) throw error;
        }
      }
    };
  });
}

/** A schema that has not changed is the same object from one snapshot to the next. */
function hasOtherSchemas(before: RegistrySnapshot, after: RegistrySnapshot): boolean {
  if (before.targets.size !== after.targets.size) return true;
  for (const [path, schema] of after.targets) {
    if (before.targets.get(path) !== schema) return true;
  }
  return false;
}
