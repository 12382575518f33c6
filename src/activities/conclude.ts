import type { Phase, Resource } from '../contract/kinds.ts';
import { finalizer } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { ConditionUpdate } from '../resources/status.ts';
import { writeStatus } from '../resources/status.ts';
import type { ActivityDeps } from './deps.ts';
import { gone, keyOf } from './find-resource.ts';

export interface Concluded {
  readonly reason: string;
  readonly message: string;
  /** Conditions beside `Ready`. */
  readonly conditions?: readonly ConditionUpdate[];
  /** Condition types that no longer apply. */
  readonly withdrawn?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Of what serves: as it should, or read only. */
type ServingPhase = Extract<Phase, 'Ready' | 'Frozen'>;

export async function concludeReady(
  { store, now }: ActivityDeps,
  resource: Resource,
  {
    phase = 'Ready',
    reason,
    message,
    conditions = [],
    withdrawn = [],
    fields = {},
  }: Concluded & { phase?: ServingPhase },
): Promise<Outcome> {
  const ready: ConditionUpdate = { type: 'Ready', status: 'True', reason, message };
  const update = { phase, conditions: [ready, ...conditions], withdrawn, fields } as const;
  await writeStatus(store, { resource, update, now: now() });
  return { phase, reason, message };
}

export async function concludeNotReady(
  { store, now }: ActivityDeps,
  resource: Resource,
  {
    phase,
    reason,
    message,
    conditions = [],
    fields = {},
  }: Concluded & { phase: Exclude<Phase, 'Ready'> },
): Promise<Outcome> {
  const ready: ConditionUpdate = { type: 'Ready', status: 'False', reason, message };
  const update = { phase, conditions: [ready, ...conditions], fields };
  await writeStatus(store, { resource, update, now: now() });
  return { phase, reason, message };
}

/** It stays, and serves as before: the condition says what is in the way of its deletion. */
export async function refuseDeletion(
  { store, now }: ActivityDeps,
  resource: Resource,
  refusal: { reason: string; message: string },
): Promise<Outcome> {
  const phase = resource.status?.phase ?? 'Pending';
  const update = {
    phase,
    conditions: [{ type: 'Deletion', status: 'False', ...refusal }],
  } as const;
  await writeStatus(store, { resource, update, now: now() });
  return { phase, ...refusal };
}

/** What it had created is gone: nothing holds it any longer. */
export async function letGo({ store }: ActivityDeps, resource: Resource): Promise<Outcome> {
  const { kind, metadata } = resource;
  await store.removeFinalizer(
    keyOf({ kind, namespace: metadata.namespace, name: metadata.name }),
    finalizer,
  );
  return gone;
}
