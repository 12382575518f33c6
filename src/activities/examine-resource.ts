import type { ResourceRef } from '../contract/names.ts';
import { finalizer } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { findObstacle } from '../resources/dependencies.ts';
import { isBeingDeleted, isReady, writeStatus } from '../resources/status.ts';
import type { ActivityDeps } from './deps.ts';
import { findResource, gone, keyOf } from './find-resource.ts';

export type Examined =
  | { readonly next: 'provision' }
  | { readonly next: 'retire' }
  | { readonly next: 'nothing'; readonly outcome: Outcome };

/**
 * Looks at a resource afresh: is it to be provisioned, retired, or does it wait for another one?
 * What is to be provisioned has the finalizer from here on, so that a deletion finds its way back.
 */
export async function examineResource(deps: ActivityDeps, ref: ResourceRef): Promise<Examined> {
  const { store, now } = deps;
  const key = keyOf(ref);
  const before = await findResource(store, ref);
  if (before === undefined) return { next: 'nothing', outcome: gone };
  const held = before.metadata.finalizers?.includes(finalizer) ?? false;
  if (!held && !isBeingDeleted(before)) await store.addFinalizer(key, finalizer);

  // Read again: it may have been deleted before the finalizer could hold it.
  const resource = held ? before : await findResource(store, ref);
  if (resource === undefined) return { next: 'nothing', outcome: gone };
  if (isBeingDeleted(resource)) {
    const ours = resource.metadata.finalizers?.includes(finalizer) ?? false;
    return ours ? { next: 'retire' } : { next: 'nothing', outcome: gone };
  }
  if (isReady(resource)) {
    return {
      next: 'nothing',
      outcome: { phase: 'Ready', reason: 'AlreadyReady', message: 'nothing has changed' },
    };
  }
  const obstacle = await findObstacle(store, resource);
  if (obstacle === undefined) return { next: 'provision' };
  const update = {
    phase: 'Pending',
    conditions: [{ type: 'Ready', status: 'False', ...obstacle }],
  } as const;
  await writeStatus(store, { resource, update, now: now() });
  return { next: 'nothing', outcome: { phase: 'Pending', ...obstacle } };
}
