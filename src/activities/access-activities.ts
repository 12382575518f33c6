import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
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

/** A manifest holds no secret, so it waits until somebody has the key issued and is shown it. */
export async function provisionApiKey(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const apiKey = await findOfKind(deps.store, 'ApiKey', ref);
  if (apiKey === undefined) return gone;
  const issued = await projectApiKey(deps.pool, apiKey);
  if (issued === undefined) {
    const message = `run: velocity api-key create ${ref.name} -n ${ref.namespace}`;
    const reason = 'NotIssued';
    const conditions: ConditionUpdate[] = [{ type: 'Issued', status: 'False', reason, message }];
    return concludeNotReady(deps, apiKey, { phase: 'Pending', reason, message, conditions });
  }
  const { keyHash, revokedAt } = issued;
  const fields = { keyHash, revokedAt: revokedAt ?? undefined };
  const revoked = revokedAt !== null;
  const reason = revoked ? 'Revoked' : 'Issued';
  const message = revoked ? `revoked at ${revokedAt}` : `speaks for ${apiKey.spec.actor}`;
  const conditions: ConditionUpdate[] = [
    { type: 'Issued', status: 'True', reason: 'Issued', message: 'the key was shown once' },
  ];
  return concludeReady(deps, apiKey, { reason, message, conditions, fields });
}

export async function retireApiKey(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const apiKey = await findOfKind(deps.store, 'ApiKey', ref);
  if (apiKey === undefined) return gone;
  await revokeApiKey(deps.pool, ref);
  return letGo(deps, apiKey);
}
