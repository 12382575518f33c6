import type { FastifyInstance } from 'fastify';
import { explainOperation } from '../../records/explain-operation.ts';
import type { AppDeps } from '../app-deps.ts';
import { findExplained } from '../platform/explain-access.ts';
import { parseExplainRequest } from '../platform/parse-explain-request.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';
import { contextOf, schemaAt } from './records.ts';

const noParams = new Set<string>();

/** Which rule of which layer allows or denies an operation, to whoever may know. */
export function addExplainRoute(app: FastifyInstance, deps: AppDeps): void {
  app.post('/api/platform/explain', { config: { access: 'record' } }, async (request) => {
    requireKnownParams(queryOf(request), noParams);
    const asked = parseExplainRequest(request.body);
    const asker = identityOf(request);
    const schema = schemaAt(deps, asker, asked.schema);
    const context = contextOf(deps, request);
    const { snapshot } = context;
    const explained = findExplained(asker, asked, { snapshot, schema, nowMs: deps.now() });
    const { operation, id, record, include } = asked;
    const data = await explainOperation(context, schema, {
      ...explained,
      operation,
      ...(id !== undefined && { id }),
      ...(record !== undefined && { record }),
      ...(include !== undefined && { include }),
    });
    return { data, requestId: request.id };
  });
}
