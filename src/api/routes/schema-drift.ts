import type { FastifyInstance } from 'fastify';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';
import type { FoundDrift } from '../../resources/drift/find-drift.ts';
import { findDrift, listDrift } from '../../resources/drift/find-drift.ts';
import { requestReconcile } from '../../resources/drift/repair-requests.ts';
import { describeDrift } from '../../schema/compare-shapes.ts';
import type { AppDeps } from '../app-deps.ts';
import { administeredSchema } from '../platform/administered-schema.ts';
import { decidePlatformAccess, requireSomeAdministration } from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';
import { reasonProblem } from './reconcile-schema.ts';

const root = '/api/platform/schemas/:namespace/:name';
const config = { access: 'platform' } as const;
const noParams = new Set<string>();

/** What the catalogue has otherwise than a schema says, and a schema that is read only for a while. */
export function addSchemaDriftRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get('/api/platform/drift', { config }, async (request) => {
    requireKnownParams(queryOf(request), noParams);
    const snapshot = deps.registry.snapshot();
    const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
    requireSomeAdministration(access);
    const own = access.everything
      ? undefined
      : [...snapshot.domains.keys()].filter(access.administers);
    const data = (await listDrift(deps.pool, own)).map(viewOf);
    return { data, requestId: request.id };
  });

  app.get(`${root}/drift`, { config }, async (request) => {
    const { ref } = await administeredSchema(deps, request);
    const versions = (await findDrift(deps.pool, ref)).map(viewOf);
    const { namespace, name } = ref;
    const drifted = versions.some(({ items }) => items.length > 0);
    return { data: { namespace, name, drifted, versions }, requestId: request.id };
  });

  for (const [verb, frozen] of [
    ['freeze', true],
    ['unfreeze', false],
  ] as const) {
    app.post(`${root}/${verb}`, { config }, async (request) => {
      const { ref, actor } = await administeredSchema(deps, request);
      const reason = parseReason(request.body);
      const { namespace, name } = ref;
      const changed = await deps.pool.transaction(async (tx) => {
        // The status follows, be it now or when Temporal is back.
        await requestReconcile(tx, ref, actor);
        const { rows } = await tx.query<{ changed: boolean }>({
          name: 'api.set-frozen',
          text: `select platform.set_frozen($1::text, $2::text, $3::boolean, $4::text, $5::text) as changed`,
          values: [namespace, name, frozen, actor, reason ?? null],
        });
        return rows[0]?.changed ?? false;
      });
      await deps.registry.refresh();
      const data = { namespace, name, frozen, changed, by: actor };
      return { data, requestId: request.id };
    });
  }
}

/** For a person and for a program: the difference, and a sentence about it. */
function viewOf({ items, ...found }: FoundDrift) {
  return { ...found, items: items.map((item) => ({ ...item, summary: describeDrift(item) })) };
}

/** `{reason?}`, or no body at all. */
function parseReason(body: unknown): string | undefined {
  const given = typeof body === 'object' && body !== null ? body : {};
  const { reason, ...others } = given as Record<string, unknown>;
  const problems: Problem[] = Object.keys(others).map((member) => ({
    ...{ pointer: `/${member}`, rule: 'unknown', message: 'is not known here', hint: 'reason' },
  }));
  const problem = reasonProblem(reason);
  if (problem !== undefined) problems.push(problem);
  if (problems.length > 0) throw validationError('The request is not well formed.', problems);
  return reason as string | undefined;
}
