import type { FastifyInstance, FastifyRequest } from 'fastify';
import { VelocityError } from '../../errors.ts';
import type { ResourceKey } from '../../resources/store.ts';
import type { AppDeps } from '../app-deps.ts';
import { describeKeyUse } from '../platform/describe-key-use.ts';
import { describePlans } from '../platform/describe-plans.ts';
import { parseKind } from '../platform/parse-kind.ts';
import { manifestAt, parseManifestSet, readManifestHead } from '../platform/parse-manifests.ts';
import type { PlatformAccess } from '../platform/platform-access.ts';
import {
  decidePlatformAccess,
  requireAdministration,
  requireNoEscalation,
  requireSomeAdministration,
} from '../platform/platform-access.ts';
import { requireFourEyesKept } from '../platform/require-four-eyes.ts';
import { requireTakeable } from '../platform/require-takeable.ts';
import { identityOf } from '../plugins/authentication.ts';
import { bulkBytesMax } from '../plugins/request-body.ts';
import { booleanParam, queryOf, requireKnownParams, singleParam } from '../request-params.ts';

const root = '/api/platform/objects';
const config = { access: 'platform' } as const;
const listParams = new Set(['namespace']);
const writeParams = new Set(['dryRun']);
const deleteParams = new Set(['dryRun', 'resourceVersion']);
const noParams = new Set<string>();

/** Desired state over HTTP: the same store, admission and answers as every other way in. */
export function addObjectRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get(`${root}/:kind`, { config }, async (request) => {
    const query = queryOf(request);
    requireKnownParams(query, listParams);
    const namespace = singleParam(query, 'namespace');
    return answer(request, await listResources(deps, request, namespace));
  });

  app.get(`${root}/:kind/:namespace`, { config }, async (request) => {
    requireKnownParams(queryOf(request), noParams);
    const { namespace } = request.params as KeyParams;
    return answer(request, await listResources(deps, request, namespace));
  });

  app.get(`${root}/:kind/:namespace/:name`, { config }, async (request) => {
    requireKnownParams(queryOf(request), noParams);
    const key = keyOf(request);
    requireAdministration(accessOf(deps, request), deps.registry.snapshot(), key.namespace);
    const resource = await deps.resources.find(key);
    if (resource === undefined) throw missing(key);
    const [described] = await describeKeyUse(deps.pool, [resource]);
    return answer(request, described);
  });

  app.put(`${root}/:kind/:namespace/:name`, { config }, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, writeParams);
    const manifest = manifestAt(keyOf(request), request.body);
    const dryRun = booleanParam(query, 'dryRun', false);
    const [result] = await applySet(deps, request, [manifest], dryRun);
    const { resource, ...rest } = result!;
    reply.code(rest.outcome === 'created' && !dryRun ? 201 : 200);
    return { data: resource, ...rest, requestId: request.id };
  });

  // A folder of manifests may be larger than one record, and must be one set.
  app.post(root, { config, bodyLimit: bulkBytesMax }, async (request) => {
    const query = queryOf(request);
    requireKnownParams(query, writeParams);
    const manifests = parseManifestSet(request.body);
    const dryRun = booleanParam(query, 'dryRun', false);
    return answer(request, await applySet(deps, request, manifests, dryRun));
  });

  app.delete(`${root}/:kind/:namespace/:name`, { config }, async (request) => {
    const query = queryOf(request);
    requireKnownParams(query, deleteParams);
    const key = keyOf(request);
    const access = accessOf(deps, request);
    const snapshot = deps.registry.snapshot();
    requireAdministration(access, snapshot, key.namespace);
    // Whoever may not write a kind may not remove it; the spec matters to writing alone.
    requireNoEscalation(access, snapshot, { ...key, spec: {} });
    await requireTakeable(deps.resources, access, snapshot, key);
    await requireFourEyesKept(deps.resources, access, { ...key, spec: {} }, 'delete');
    const resourceVersion = singleParam(query, 'resourceVersion');
    const resource = await deps.resources.delete(key, {
      dryRun: booleanParam(query, 'dryRun', false),
      ...(resourceVersion !== undefined && { resourceVersion }),
    });
    if (resource === undefined) throw missing(key);
    return answer(request, resource);
  });
}

interface KeyParams {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

function keyOf(request: FastifyRequest): ResourceKey {
  const { kind, namespace, name } = request.params as KeyParams;
  return { kind: parseKind(kind), namespace, name };
}

function accessOf(deps: AppDeps, request: FastifyRequest): PlatformAccess {
  return decidePlatformAccess(identityOf(request), deps.registry.snapshot(), deps.now());
}

async function listResources(
  deps: AppDeps,
  request: FastifyRequest,
  namespace: string | undefined,
) {
  const kind = parseKind((request.params as KeyParams).kind);
  const access = accessOf(deps, request);
  requireSomeAdministration(access);
  if (namespace !== undefined) {
    requireAdministration(access, deps.registry.snapshot(), namespace);
    return describeKeyUse(deps.pool, await deps.resources.list({ kind, namespace }));
  }
  const all = await deps.resources.list({ kind });
  const seen = all.filter(({ metadata }) => access.administers(metadata.namespace));
  return describeKeyUse(deps.pool, seen);
}

async function applySet(
  deps: AppDeps,
  request: FastifyRequest,
  manifests: readonly unknown[],
  dryRun: boolean,
) {
  const access = accessOf(deps, request);
  const snapshot = deps.registry.snapshot();
  for (const [index, manifest] of manifests.entries()) {
    const head = readManifestHead(manifest, manifests.length > 1 ? `/items/${index}` : '');
    requireAdministration(access, snapshot, head.namespace);
    requireNoEscalation(access, snapshot, head);
    await requireTakeable(deps.resources, access, snapshot, head);
    await requireFourEyesKept(deps.resources, access, head);
  }
  const results = await deps.resources.apply(manifests, { dryRun, actor: access.actor });
  return dryRun ? describePlans(deps.pool, results) : results;
}

function answer<T>(request: FastifyRequest, data: T): { data: T; requestId: string } {
  return { data, requestId: request.id };
}

function missing({ kind, namespace, name }: ResourceKey): VelocityError {
  return new VelocityError(
    'ENTITY_NOT_FOUND',
    `There is no ${kind} ${JSON.stringify(name)} in ${JSON.stringify(namespace)}.`,
  );
}
