import type { FastifyRequest } from 'fastify';
import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import { VelocityError } from '../../errors.ts';
import type { AppDeps } from '../app-deps.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';
import { decidePlatformAccess, requireAdministration } from './platform-access.ts';

const noParams = new Set<string>();

/** The schema that a platform route's path names, if the caller administers it. */
export async function administeredSchema(
  deps: AppDeps,
  request: FastifyRequest,
): Promise<{ ref: ResourceRef; schema: SchemaDefinition; actor: string }> {
  requireKnownParams(queryOf(request), noParams);
  const { namespace, name } = request.params as { namespace: string; name: string };
  const snapshot = deps.registry.snapshot();
  const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
  requireAdministration(access, snapshot, namespace);
  const kind = 'SchemaDefinition';
  const schema = await deps.resources.find({ kind, namespace, name });
  if (schema === undefined) {
    const message = `There is no ${kind} ${JSON.stringify(name)} in ${JSON.stringify(namespace)}.`;
    throw new VelocityError('ENTITY_NOT_FOUND', message);
  }
  const ref = { kind, namespace, name };
  return { ref, schema: schema as SchemaDefinition, actor: access.actor };
}
