import type { Resource } from '../contract/kinds.ts';
import type { Obstacle } from '../resources/dependencies.ts';
import { writeStatus } from '../resources/status.ts';
import type { ResourceStore } from '../resources/store.ts';

export interface ReportContext {
  readonly store: ResourceStore;
  now(): Date;
}

/**
 * Pending, with what it waits for; what it served before it goes on serving. Only what nobody has
 * touched since: a workflow that another operator started knows better.
 */
export async function reportWaiting(
  { store, now }: ReportContext,
  resource: Resource,
  obstacle: Obstacle,
): Promise<void> {
  const ready = { type: 'Ready', status: 'False', ...obstacle } as const;
  const update = { phase: 'Pending', conditions: [ready] } as const;
  await writeStatus(store, { resource, update, now: now(), ifUntouched: true });
}

/** Ready as it is: nothing is provisioned for a resource of this kind. */
export async function reportAccepted(
  { store, now }: ReportContext,
  resource: Resource,
): Promise<void> {
  const message = 'kept; other resources read it';
  const ready = { type: 'Ready', status: 'True', reason: 'Accepted', message } as const;
  const update = { phase: 'Ready', conditions: [ready] } as const;
  await writeStatus(store, { resource, update, now: now(), ifUntouched: true });
}
