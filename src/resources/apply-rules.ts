import type { Resource } from '../contract/kinds.ts';
import { finalizer, reconcilers } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import { describeResource, keyText } from './manifest-set.ts';
import type { ApplyOptions, ResourceKey } from './store.ts';

/** Both the caller's condition and a version in the manifest itself, as Kubernetes has it. */
export function refuseStale(
  candidate: Resource,
  stored: Resource | undefined,
  options: ApplyOptions,
): void {
  const current = stored?.metadata.resourceVersion;
  for (const wanted of [options.resourceVersion, candidate.metadata.resourceVersion]) {
    if (wanted === undefined || wanted === current) continue;
    const state = current === undefined ? 'does not exist (any more)' : `is at version ${current}`;
    const message = `${describeResource(candidate)} ${state}; the request is for version ${wanted}.`;
    throw new VelocityError('OPTIMISTIC_LOCK_FAILED', message, {
      details: { resourceVersion: current ?? null },
      hint: 'Read it again and repeat the change on its new version.',
    });
  }
}

/** Where a resource lives and where its spec refers to. */
export function namespacesOf(resource: Resource): string[] {
  const { namespace } = resource.metadata;
  switch (resource.kind) {
    case 'SchemaDefinition': {
      const refs = resource.spec.fields.flatMap(({ ref }) => (ref === undefined ? [] : [ref]));
      const policy = resource.spec.archive?.policyRef;
      return [
        namespace,
        ...refs.map((ref) => `${ref.org}-${ref.app}-${ref.domain}`),
        ...(policy === undefined ? [] : [policy.namespace]),
      ];
    }
    case 'AuthStrategy':
      return [namespace, ...(resource.spec.config.children ?? []).map((child) => child.namespace)];
    default:
      return [namespace];
  }
}

/** What a reconcile will make things for is held from the start, before the first is made. */
export function finalizersOf({ kind }: Resource): string[] {
  return kind in reconcilers ? [finalizer] : [];
}

/** Changes still count, the annotation that confirms the deletion among them; the end is the same. */
export function deletionWarning(stored: Resource | undefined): string[] {
  if (stored?.metadata.deletionTimestamp === undefined) return [];
  return [
    `${describeResource(stored)} is being deleted; apply it again when it is gone to have it back.`,
  ];
}

export function keyOf({ kind, metadata: { namespace, name } }: Resource): ResourceKey {
  return { kind, namespace, name };
}

export function byKey(resources: readonly Resource[]): Map<string, Resource> {
  return new Map(resources.map((resource) => [keyText(resource), resource]));
}
