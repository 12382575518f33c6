import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { concludeReady, letGo } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { deleteAuthStrategy, projectAuthStrategy } from './sql/project-auth-strategy.ts';

export async function provisionAuthStrategy(
  deps: ActivityDeps,
  ref: ResourceRef,
): Promise<Outcome> {
  const strategy = await findOfKind(deps.store, 'AuthStrategy', ref);
  if (strategy === undefined) return gone;
  await projectAuthStrategy(deps.pool, strategy);
  const message = 'schemas may name it; the API authenticates by it';
  return concludeReady(deps, strategy, { reason: 'Provisioned', message });
}

export async function retireAuthStrategy(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const strategy = await findOfKind(deps.store, 'AuthStrategy', ref);
  if (strategy === undefined) return gone;
  await deleteAuthStrategy(deps.pool, ref);
  return letGo(deps, strategy);
}
