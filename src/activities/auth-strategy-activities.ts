import type { AuthStrategy } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { SecretRef } from '../resources/secrets/secret-store.ts';
import { concludeNotReady, concludeReady, letGo } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { deleteAuthStrategy, projectAuthStrategy } from './sql/project-auth-strategy.ts';

export async function provisionAuthStrategy(
  deps: ActivityDeps,
  ref: ResourceRef,
): Promise<Outcome> {
  const strategy = await findOfKind(deps.store, 'AuthStrategy', ref);
  if (strategy === undefined) return gone;
  const missing = await findMissingSecret(deps, strategy);
  if (missing !== undefined) {
    const { namespace, name, key } = missing;
    const message = `secret ${name} has no key ${key}; run: velocity secret set ${name} --key ${key} -n ${namespace}`;
    const waits = { phase: 'Pending', reason: 'SecretMissing', message } as const;
    return concludeNotReady(deps, strategy, waits);
  }
  await projectAuthStrategy(deps.pool, strategy);
  const message = 'schemas may name it; the API authenticates by it';
  return concludeReady(deps, strategy, { reason: 'Provisioned', message });
}

/** The client secret that the strategy refers to and that is not there. */
async function findMissingSecret(
  { secrets }: ActivityDeps,
  { metadata, spec }: AuthStrategy,
): Promise<SecretRef | undefined> {
  const wanted = spec.config.oidc?.clientSecretRef;
  if (wanted === undefined) return undefined;
  const ref = { namespace: metadata.namespace, name: wanted.name, key: wanted.key };
  return (await secrets?.read(ref)) === undefined ? ref : undefined;
}

export async function retireAuthStrategy(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const strategy = await findOfKind(deps.store, 'AuthStrategy', ref);
  if (strategy === undefined) return gone;
  await deleteAuthStrategy(deps.pool, ref);
  return letGo(deps, strategy);
}
