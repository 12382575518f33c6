import { ApplicationFailure } from '@temporalio/common';
import type { Kind, Resource, ResourceOf } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { ResourceKey, ResourceStore } from '../resources/store.ts';

export const gone: Outcome = {
  phase: 'Gone',
  reason: 'Deleted',
  message: 'the resource does not exist any more',
};

export function keyOf({ kind, namespace, name }: ResourceRef): ResourceKey {
  return { kind: kind as Kind, namespace, name };
}

export async function findResource(
  store: ResourceStore,
  ref: ResourceRef,
): Promise<Resource | undefined> {
  return store.find(keyOf(ref));
}

/** The resource as its own kind. A workflow that is given a ref of another kind is a bug. */
export async function findOfKind<K extends Kind>(
  store: ResourceStore,
  kind: K,
  ref: ResourceRef,
): Promise<ResourceOf<K> | undefined> {
  const resource = await findResource(store, ref);
  if (resource !== undefined && resource.kind !== kind) {
    const message = `${ref.kind} ${ref.namespace}/${ref.name} is not a ${kind}`;
    throw ApplicationFailure.nonRetryable(message, 'WrongKind');
  }
  return resource as ResourceOf<K> | undefined;
}
