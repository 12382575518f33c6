import { randomBytes } from 'node:crypto';
import { keyEnvDefault } from '../auth/api-key.ts';
import { issueKey, keyOwner, lockKey } from '../auth/issue-key.ts';
import type { ApiKey } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { VelocityError } from '../errors.ts';
import { findDomain } from '../resources/plans/sql/find-domain.ts';
import type { SecretRef } from '../resources/secrets/secret-store.ts';
import { apiKeySecret } from '../resources/secrets/secret-store.ts';
import type { ConditionUpdate } from '../resources/status.ts';
import { concludeNotReady, concludeReady, letGo } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { projectApiKey, revokeApiKey } from './sql/project-api-key.ts';
import { deleteRoleBinding, projectRoleBinding } from './sql/project-role-binding.ts';

export async function provisionRoleBinding(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const binding = await findOfKind(deps.store, 'RoleBinding', ref);
  if (binding === undefined) return gone;
  if (!(await projectRoleBinding(deps.pool, binding))) {
    const message = `the domain of namespace ${ref.namespace} is not provisioned`;
    return concludeNotReady(deps, binding, { phase: 'Pending', reason: 'ParentNotReady', message });
  }
  const { actorId, roles } = binding.spec;
  const message = `${actorId} holds ${roles.join(', ')} in ${ref.namespace}`;
  const fields = { revoked: false };
  return concludeReady(deps, binding, { reason: 'Granted', message, fields });
}

export async function retireRoleBinding(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const binding = await findOfKind(deps.store, 'RoleBinding', ref);
  if (binding === undefined) return gone;
  await deleteRoleBinding(deps.pool, ref);
  return letGo(deps, binding);
}

/**
 * A manifest holds no secret. Where texts of keys are kept the key is issued here and now; elsewhere it
 * waits until somebody has it issued and is shown it.
 */
export async function provisionApiKey(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const apiKey = await findOfKind(deps.store, 'ApiKey', ref);
  if (apiKey === undefined) return gone;
  const kept = deps.secrets?.keepsApiKeys === true ? apiKeySecret(apiKey) : undefined;
  let issued = await projectApiKey(deps.pool, apiKey);
  if (issued === undefined && kept !== undefined) {
    const refused = await issueAndKeep(deps, apiKey);
    if (refused !== undefined) return refused;
    issued = await projectApiKey(deps.pool, apiKey);
  }
  if (issued === undefined) {
    const message = `run: velocity api-key create ${ref.name} -n ${ref.namespace}`;
    const reason = 'NotIssued';
    const conditions: ConditionUpdate[] = [{ type: 'Issued', status: 'False', reason, message }];
    return concludeNotReady(deps, apiKey, { phase: 'Pending', reason, message, conditions });
  }
  const { keyHash, revokedAt } = issued;
  const secretRef = kept && { name: kept.name, key: kept.key };
  const fields = { keyHash, revokedAt: revokedAt ?? undefined, ...(secretRef && { secretRef }) };
  const revoked = revokedAt !== null;
  const reason = revoked ? 'Revoked' : 'Issued';
  const message = revoked ? `revoked at ${revokedAt}` : `speaks for ${apiKey.spec.actor}`;
  const conditions: ConditionUpdate[] = [
    { type: 'Issued', status: 'True', reason: 'Issued', message: issuedMessage(kept) },
  ];
  return concludeReady(deps, apiKey, { reason, message, conditions, fields });
}

function issuedMessage(kept: SecretRef | undefined): string {
  if (kept === undefined) return 'the key was shown once';
  return `the key is in the Secret ${kept.name}, under ${kept.key}`;
}

/** Undefined when it has worked, or somebody else was faster; else what was in the way. */
async function issueAndKeep(deps: ActivityDeps, apiKey: ApiKey): Promise<Outcome | undefined> {
  const { pool, secrets } = deps;
  const { namespace, name } = apiKey.metadata;
  const domain = await findDomain(pool, namespace);
  if (domain === undefined) return undefined;
  try {
    await pool.transaction(async (tx) => {
      await lockKey(tx, apiKey.metadata);
      if ((await projectApiKey(tx, apiKey)) !== undefined) return;
      await issueKey(tx, keyOwner(apiKey, domain.organisation), {
        env: keyEnvDefault,
        randomBytes,
        keep: (plaintext) => secrets!.write(apiKeySecret(apiKey), plaintext, apiKey),
      });
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error;
    const reason = 'SecretNotWritten';
    const message = `${error.message} ${error.hint ?? ''} See docs/kubernetes.md, Secrets; or run: velocity api-key create ${name} -n ${namespace}`;
    const conditions: ConditionUpdate[] = [{ type: 'Issued', status: 'False', reason, message }];
    const waits = { phase: 'Pending', reason, message, conditions } as const;
    return concludeNotReady(deps, apiKey, waits);
  }
}

export async function retireApiKey(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const apiKey = await findOfKind(deps.store, 'ApiKey', ref);
  if (apiKey === undefined) return gone;
  await revokeApiKey(deps.pool, ref);
  return letGo(deps, apiKey);
}
