import { isDeepStrictEqual } from 'node:util';
import type { Condition, Phase, Resource } from '../contract/kinds.ts';
import type { ResourceStore } from './store.ts';

/** What was found out about a resource; fields that are not given stay as they were. */
export interface StatusUpdate {
  readonly phase: Phase;
  readonly conditions: readonly ConditionUpdate[];
  /** Condition types that no longer apply. */
  readonly withdrawn?: readonly string[];
  /** The kind's own status fields; an undefined value removes one. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface ConditionUpdate {
  readonly type: string;
  readonly status: Condition['status'];
  /** CamelCase, for machines. */
  readonly reason: string;
  /** A sentence, for people. */
  readonly message: string;
}

/** The status after an update: `lastTransitionTime` moves only when a condition's status does. */
export function nextStatus(
  resource: Resource,
  update: StatusUpdate,
  now: Date,
): Record<string, unknown> {
  const generation = resource.metadata.generation ?? 1;
  const current = resource.status?.conditions ?? [];
  const updated = update.conditions.map((condition): Condition => {
    const before = current.find(({ type }) => type === condition.type);
    const same = before !== undefined && before.status === condition.status;
    return {
      ...condition,
      lastTransitionTime: same ? before.lastTransitionTime : now.toISOString(),
      observedGeneration: generation,
    };
  });
  const replaced = new Set([...updated.map(({ type }) => type), ...(update.withdrawn ?? [])]);
  const status: Record<string, unknown> = {
    ...resource.status,
    ...update.fields,
    phase: update.phase,
    observedGeneration: generation,
    conditions: [...current.filter(({ type }) => !replaced.has(type)), ...updated],
  };
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}

/**
 * Writes what was found out about `resource`, as it was when it was looked at: an edit made since
 * keeps its newer generation and is looked at again. Another resource of the same name is left alone.
 * `ifUntouched`: nothing is written when anything about it has changed since, its status included.
 */
export async function writeStatus(
  store: ResourceStore,
  options: { resource: Resource; update: StatusUpdate; now: Date; ifUntouched?: boolean },
): Promise<void> {
  const { resource, update, now, ifUntouched = false } = options;
  const status = nextStatus(resource, update, now);
  if (isDeepStrictEqual(resource.status ?? {}, status)) return;
  const { kind, metadata } = resource;
  const { namespace, name, uid, resourceVersion } = metadata;
  const as = {
    ...(uid !== undefined && { uid }),
    ...(ifUntouched && resourceVersion !== undefined && { resourceVersion }),
  };
  await store.patchStatus({ kind, namespace, name }, status, as);
}

export function findCondition(resource: Resource, type: string): Condition | undefined {
  return resource.status?.conditions?.find((condition) => condition.type === type);
}

/** Phases of a schema that serves as its spec says, and of which there is more to tell. */
const servingPhases: ReadonlySet<string> = new Set(['Drifted', 'Frozen']);

/** Ready, and for the spec as it is now. */
export function isReady(resource: Resource): boolean {
  const { phase, observedGeneration } = resource.status ?? {};
  if (observedGeneration !== resource.metadata.generation) return false;
  const serves =
    servingPhases.has(phase ?? '') && findCondition(resource, 'Ready')?.status === 'True';
  return phase === 'Ready' || serves;
}

export function isBeingDeleted(resource: Resource): boolean {
  return resource.metadata.deletionTimestamp !== undefined;
}
