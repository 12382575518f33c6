import type { FastifyInstance } from 'fastify';
import { hashApiKey } from '../../auth/api-key.ts';
import { lockKey } from '../../auth/issue-key.ts';
import type { RotateOptions } from '../../auth/rotate-key.ts';
import { mintText, rotateKey, textsPerKeyMax } from '../../auth/rotate-key.ts';
import type { ApiKey } from '../../contract/kinds.ts';
import { VelocityError } from '../../errors.ts';
import { apiKeySecret } from '../../resources/secrets/secret-store.ts';
import type { AppDeps } from '../app-deps.ts';
import { parseRotation } from '../platform/parse-key-request.ts';
import {
  decidePlatformAccess,
  requireAdministration,
  requireNoEscalation,
} from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';
import { idempotencyKeyOf } from '../request-headers.ts';
import { queryOf, requireKnownParams } from '../request-params.ts';

const url = '/api/platform/api-keys/:namespace/:name/rotate';
const config = { access: 'platform' } as const;
const noParams = new Set<string>();

/**
 * A new text for a key, shown here once; the one before counts for the overlap. With an idempotency
 * key a rotation is made once, however often it is asked for, and its text is not shown again.
 */
export function addRotateApiKeyRoute(app: FastifyInstance, deps: AppDeps): void {
  app.post(url, { config }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const { namespace, name } = request.params as { namespace: string; name: string };
    const rotation = idempotencyKeyOf(request) ?? deps.newId();
    const options = { ...parseRotation(request.body), rotation, randomBytes: deps.randomBytes };
    const snapshot = deps.registry.snapshot();
    const access = decidePlatformAccess(identityOf(request), snapshot, deps.now());
    requireAdministration(access, snapshot, namespace);
    const key = await deps.resources.find({ kind: 'ApiKey', namespace, name });
    if (key?.kind !== 'ApiKey') throw notIssued(namespace, name);
    // The answer is the actor's key: whoever may not have it made may not have it made anew.
    requireNoEscalation(access, snapshot, { kind: 'ApiKey', namespace, spec: { ...key.spec } });

    const rotated = await deps.pool.transaction(async (tx) => {
      await lockKey(tx, key.metadata);
      return rotateKey(tx, key.metadata, options);
    });
    if (rotated.outcome === 'no-live-key') throw notIssued(namespace, name);
    if (rotated.outcome === 'too-many') throw tooMany(name);
    const made =
      rotated.outcome === 'rotated' ? rotated.text : await replaceLostText(deps, key, options);
    const warning = made === undefined ? undefined : await keepText(deps, key, made);
    // Whoever holds the answer may use the key at once, on this replica at least.
    await deps.registry.refresh();
    if (made !== undefined) await noteHash(deps, key, made);

    if (rotated.outcome === 'repeated') reply.header('idempotency-replayed', 'true');
    reply.code(rotated.outcome === 'rotated' ? 201 : 200);
    const { previousValidUntil } = rotated;
    const shown = rotated.outcome === 'rotated' && { key: rotated.text };
    return {
      data: { namespace, name, previousValidUntil, ...shown },
      ...(warning !== undefined && { warnings: [warning] }),
      requestId: request.id,
    };
  });
}

/**
 * A process that ended between the rotation and its Secret has left the text before it there, which
 * ends with the overlap. Nobody has the text that was meant to be there, so another takes its place.
 */
async function replaceLostText(
  { pool, secrets }: AppDeps,
  key: ApiKey,
  options: RotateOptions,
): Promise<string | undefined> {
  if (secrets?.keepsApiKeys !== true) return undefined;
  return pool.transaction(async (tx) => {
    await lockKey(tx, key.metadata);
    const again = await rotateKey(tx, key.metadata, options);
    if (again.outcome !== 'repeated') return undefined;
    const kept = await secrets.read(apiKeySecret(key));
    const isKept = kept !== undefined && hashApiKey(kept).toString('hex') === again.keyHash;
    return isKept ? undefined : mintText(tx, key.metadata, options);
  });
}

/**
 * After the rotation is committed: a Secret that holds the older text works until the overlap ends, one
 * with a text that never came to count would not work at all. Answers what was in the way.
 */
async function keepText(
  { pool, secrets }: AppDeps,
  key: ApiKey,
  text: string,
): Promise<string | undefined> {
  if (secrets?.keepsApiKeys !== true) return undefined;
  try {
    await pool.transaction(async (tx) => {
      await lockKey(tx, key.metadata);
      const { namespace, name } = key.metadata;
      const { rowCount } = await tx.query({
        name: 'api.current-key',
        text: `select from platform.api_keys
                where namespace = $1::text and name = $2::text and key_hash = $3::bytea`,
        values: [namespace, name, hashApiKey(text)],
      });
      // Rotated once more meanwhile: whoever did that keeps the newer text.
      if (rowCount > 0) await secrets.write(apiKeySecret(key), text, key);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error;
    return `The Secret still holds the text before: ${error.message} ${error.hint ?? ''}`.trim();
  }
}

/** Where resources live elsewhere, their operator hears of it by this. */
async function noteHash(deps: AppDeps, key: ApiKey, text: string): Promise<void> {
  const { namespace, name, uid } = key.metadata;
  const keyHash = hashApiKey(text).toString('hex');
  await deps.resources
    .patchStatus(
      { kind: 'ApiKey', namespace, name },
      { ...key.status, keyHash },
      uid === undefined ? {} : { uid },
    )
    .catch((cause: unknown) => deps.observer.observe({ type: 'store.failed', cause }));
}

function notIssued(namespace: string, name: string): VelocityError {
  return new VelocityError(
    'ENTITY_NOT_FOUND',
    `There is no live API key ${JSON.stringify(name)} in ${JSON.stringify(namespace)}.`,
    { hint: `One that ended or was never issued is made: velocity api-key create ${name}.` },
  );
}

function tooMany(name: string): VelocityError {
  return new VelocityError(
    'QUOTA_EXCEEDED',
    `${textsPerKeyMax} texts of the key "${name}" count at this time.`,
    { hint: 'Wait until an overlap has ended, or revoke the key and create it anew.' },
  );
}
