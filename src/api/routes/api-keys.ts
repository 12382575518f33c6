import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { KeyOwner } from '../../auth/issue-key.ts';
import { issueKey, keyOwner, lockKey, revokeKey } from '../../auth/issue-key.ts';
import type { Revocation } from '../../auth/revocation.ts';
import { keepRevocation } from '../../auth/sql/keep-revocation.ts';
import type { ApiKey } from '../../contract/kinds.ts';
import { apiVersion, channels } from '../../contract/names.ts';
import { assert, VelocityError, validationError } from '../../errors.ts';
import { organisationOf } from '../../resources/registry/organisation-of.ts';
import { apiKeySecret } from '../../resources/secrets/secret-store.ts';
import type { ResourceKey } from '../../resources/store.ts';
import type { Transaction } from '../../store/pool.ts';
import type { AppDeps } from '../app-deps.ts';
import type { KeyRequest } from '../platform/parse-key-request.ts';
import { parseKeyRequest } from '../platform/parse-key-request.ts';
import {
  decidePlatformAccess,
  requireAdministration,
  requireNoEscalation,
} from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';

const root = '/api/platform/api-keys';
const config = { access: 'platform' } as const;
const noParams = new Set<string>();

/** Keys are the one thing that a manifest cannot carry whole: their text is made and shown here, once. */
export function addApiKeyRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.post(root, { config }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const wanted = parseKeyRequest(request.body);
    const { key, isNew } = await provideResource(deps, request, wanted);
    const { name, namespace } = key.metadata;
    let wasIssued = false;
    const text = await deps.pool.transaction(async (tx) => {
      await lockKey(tx, key.metadata);
      if (await hasLiveKey(tx, key)) return readKept(deps, key, isNew);
      wasIssued = true;
      await wakeOperator(tx, key);
      const { secrets, randomBytes } = deps;
      const keep = secrets?.keepsApiKeys
        ? (plaintext: string) => secrets.write(apiKeySecret(key), plaintext, key)
        : undefined;
      return issueKey(tx, ownerOf(deps, key), { env: wanted.env, randomBytes, keep });
    });
    if (wasIssued) await noteIssued(deps, key);
    // Whoever holds the answer may use the key at once, on this replica at least.
    await deps.registry.refresh();
    reply.code(201);
    return { data: { name, namespace, key: text, ...key.spec }, requestId: request.id };
  });

  app.delete(`${root}/:namespace/:name`, { config }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const { namespace, name } = request.params as { namespace: string; name: string };
    const snapshot = deps.registry.snapshot();
    const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
    requireAdministration(access, snapshot, namespace);
    const resourceKey: ResourceKey = { kind: 'ApiKey', namespace, name };
    const texts = await revokedTexts(deps, namespace, name);
    let revoked = false as boolean;
    await deps.revocations.revoke(texts, async (tx) => {
      revoked = await revokeKey(tx, { namespace, name });
      for (const text of texts)
        await keepRevocation(tx, text, { by: access.actor, reason: undefined });
    });
    const resource = (await deps.resources.find(resourceKey)) as ApiKey | undefined;
    if (!revoked && resource === undefined) throw missing(namespace, name);
    await deps.registry.refresh();
    if (revoked && resource !== undefined) {
      const revokedAt = new Date(deps.now()).toISOString();
      await deps.resources.patchStatus(resourceKey, { ...resource.status, revokedAt });
    }
    return reply.code(204).send();
  });
}

/** Replicas read their registries anew within this time, and then know by themselves. */
const registryKnowsMs = 24 * 3_600_000;

/** Every text of the key, for replicas whose registries have not heard of it yet. */
async function revokedTexts(
  { registry, now }: AppDeps,
  namespace: string,
  name: string,
): Promise<Revocation[]> {
  await registry.refresh();
  return [...registry.snapshot().keys]
    .filter(([, key]) => key.namespace === namespace && key.name === name)
    .map(([id, { organisation, expiresAt }]) => ({
      ...{ organisation, kind: 'key', id },
      endsAt: Math.min(expiresAt ?? Number.POSITIVE_INFINITY, now() + registryKnowsMs),
    }));
}

/** The ApiKey resource behind the key: the one that a manifest asked for, or a new one. */
async function provideResource(
  deps: AppDeps,
  request: FastifyRequest,
  wanted: KeyRequest,
): Promise<{ key: ApiKey; isNew: boolean }> {
  const { name, namespace } = wanted;
  const snapshot = deps.registry.snapshot();
  const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
  requireAdministration(access, snapshot, namespace);
  const existing = (await deps.resources.find({ kind: 'ApiKey', namespace, name })) as
    | ApiKey
    | undefined;
  if (existing !== undefined) {
    requireNoEscalation(access, snapshot, {
      kind: 'ApiKey',
      namespace,
      spec: { ...existing.spec },
    });
    requireSameSpec(existing, wanted);
    return { key: existing, isNew: false };
  }
  const spec = { actor: name, actorType: 'service', ...wanted.spec };
  requireNoEscalation(access, snapshot, { kind: 'ApiKey', namespace, spec });
  const manifest = { apiVersion, kind: 'ApiKey', metadata: { namespace, name }, spec };
  const [applied] = await deps.resources.apply([manifest], { actor: access.actor });
  assert(applied !== undefined, 'one manifest has one result');
  return { key: applied.resource as ApiKey, isNew: true };
}

/** A key is what its resource says; a request that says otherwise would be shown another key. */
function requireSameSpec(existing: ApiKey, { spec }: KeyRequest): void {
  const declared: Readonly<Record<string, unknown>> = { ...existing.spec };
  const problems = Object.entries(spec)
    .filter(([member, value]) => !isDeepStrictEqual(declared[member], value))
    .map(([member]) => ({
      pointer: `/${member}`,
      rule: 'declared',
      message: `is ${JSON.stringify(declared[member] ?? null)} in the ApiKey that exists`,
      hint: 'leave it out, or change the resource first',
    }));
  if (problems.length === 0) return;
  throw validationError(`The ApiKey "${existing.metadata.name}" says otherwise.`, problems);
}

function ownerOf(deps: AppDeps, key: ApiKey): KeyOwner {
  const { namespace } = key.metadata;
  const organisation = organisationOf(namespace, deps.registry.snapshot());
  if (organisation === undefined) {
    throw new VelocityError('ENTITY_NOT_FOUND', `There is no organisation for ${namespace} yet.`, {
      hint: 'Apply its Organisation, Application and Domain first.',
    });
  }
  return keyOwner(key, organisation);
}

async function hasLiveKey(tx: Transaction, { metadata }: ApiKey): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'api.live-key',
    text: `
      select from platform.api_keys
       where namespace = $1::text and name = $2::text and revoked_at is null
         and (expires_at is null or expires_at > clock_timestamp())
         for update`,
    values: [metadata.namespace, metadata.name],
  });
  return rowCount > 0;
}

/**
 * A second key of the same name would silently end the first, which somebody uses. Where texts are
 * kept, a worker may have been faster to issue the key that this request has just asked for.
 */
async function readKept({ secrets }: AppDeps, key: ApiKey, isNew: boolean): Promise<string> {
  const kept = secrets?.keepsApiKeys === true ? apiKeySecret(key) : undefined;
  const text = isNew && kept !== undefined ? await secrets?.read(kept) : undefined;
  if (text !== undefined) return text;
  const name = key.metadata.name;
  if (kept !== undefined) {
    const message = `The key "${name}" was issued already.`;
    const hint = `Its text is in the Secret ${kept.name} of namespace ${kept.namespace}, under ${kept.key}.`;
    throw new VelocityError('UNIQUE_CONSTRAINT_VIOLATION', message, { hint });
  }
  const message = `The key "${name}" was issued already; its text cannot be shown again.`;
  throw new VelocityError('UNIQUE_CONSTRAINT_VIOLATION', message, {
    hint: 'Revoke it first, or choose another name.',
  });
}

/**
 * Where resources live elsewhere, the resource itself has to change for its operator to hear of it.
 * The key is issued all the same; the operator's next resync finds it.
 */
async function noteIssued(deps: AppDeps, { kind, metadata, status }: ApiKey): Promise<void> {
  const { namespace, name, uid } = metadata;
  const message = 'the key was shown once';
  const issued = { type: 'Issued', status: 'True', reason: 'Issued', message } as const;
  const lastTransitionTime = new Date(deps.now()).toISOString();
  const others = (status?.conditions ?? []).filter(({ type }) => type !== issued.type);
  const conditions = [...others, { ...issued, lastTransitionTime }];
  await deps.resources
    .patchStatus(
      { kind, namespace, name },
      { ...status, conditions },
      uid === undefined ? {} : { uid },
    )
    .catch((cause: unknown) => deps.observer.observe({ type: 'store.failed', cause }));
}

/** A key is no change of the resource that waits for it, so its operator is told. */
async function wakeOperator(tx: Transaction, { metadata }: ApiKey): Promise<void> {
  await tx.query({
    name: 'api.wake-operator',
    text: 'select pg_notify($1::text, $2::text)',
    values: [channels.resources, `ApiKey/${metadata.namespace}/${metadata.name}`],
  });
}

function missing(namespace: string, name: string): VelocityError {
  return new VelocityError(
    'ENTITY_NOT_FOUND',
    `There is no key ${JSON.stringify(name)} in ${JSON.stringify(namespace)}.`,
  );
}
