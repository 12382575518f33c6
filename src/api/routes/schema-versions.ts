import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app-deps.ts';
import { administeredSchema } from '../platform/administered-schema.ts';
import { parsePromotion } from '../platform/parse-promotion.ts';
import { requestMigration } from '../platform/request-migration.ts';

const root = '/api/platform/schemas/:namespace/:name';
const config = { access: 'platform' } as const;

/** What happens between versions of a schema. Answers at once: a workflow does it, Temporal or not. */
export function addSchemaVersionRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.post(`${root}/promote`, { config }, async (request, reply) => {
    const { schema, actor } = await administeredSchema(deps, request);
    const promotion = parsePromotion(request.body);
    const data = await requestMigration(deps.pool, schema, { ...promotion, actor });
    reply.code(202);
    return { data, requestId: request.id };
  });
}
