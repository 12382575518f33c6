import type { FastifyInstance } from 'fastify';
import type { RoleBinding } from '../../contract/kinds.ts';
import type { AppDeps } from '../app-deps.ts';
import { listRoles } from '../platform/list-roles.ts';
import {
  decidePlatformAccess,
  requireAdministration,
  requireSomeAdministration,
} from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams, singleParam } from '../request-params.ts';

const config = { access: 'platform' } as const;
const params = new Set(['namespace']);

/** Who may do what, domain by domain: for whoever administers the domain. */
export function addRoleRoute(app: FastifyInstance, deps: AppDeps): void {
  app.get('/api/platform/roles', { config }, async (request) => {
    const query = queryOf(request);
    requireKnownParams(query, params);
    const namespace = singleParam(query, 'namespace');
    const snapshot = deps.registry.snapshot();
    const nowMs = deps.now();
    const access = decidePlatformAccess(identityOf(request), snapshot, nowMs);
    if (namespace === undefined) requireSomeAdministration(access);
    else requireAdministration(access, snapshot, namespace);
    const domains = [...snapshot.domains.values()].filter((domain) =>
      namespace === undefined
        ? access.administers(domain.namespace)
        : domain.namespace === namespace,
    );
    const filter = namespace === undefined ? {} : { namespace };
    const found = await deps.resources.list({ kind: 'RoleBinding', ...filter });
    const bindings = found.filter((one): one is RoleBinding => one.kind === 'RoleBinding');
    return { data: listRoles({ snapshot, domains, bindings, nowMs }), requestId: request.id };
  });
}
