import type { Resource } from '../contract/kinds.ts';
import type { ReconciledKind } from '../contract/names.ts';
import {
  confirmDeleteAnnotation,
  dropVersionAnnotation,
  finalizer,
  reconcilers,
} from '../contract/names.ts';
import type { Obstacle } from '../resources/dependencies.ts';
import { findCondition, isBeingDeleted, isReady } from '../resources/status.ts';

/** Everything a decision looks at. */
export interface SeenResource {
  readonly resource: Resource;
  /** What it waits for; undefined: nothing. Not looked for while it is being deleted. */
  readonly obstacle: Obstacle | undefined;
  /** Something it waits for may have happened, or its time to try again has come. */
  readonly due: boolean;
  /** Its workflow was started for all that is asked of it now. */
  readonly started: boolean;
}

export type Decision =
  /** Nothing to do until it changes. */
  | { readonly do: 'nothing'; readonly settled: boolean }
  /** Say so in the status; what it waits for wakes it. */
  | { readonly do: 'wait'; readonly obstacle: Obstacle }
  /** Come back after a while: nothing wakes it. */
  | { readonly do: 'tryLater' }
  /** There is nothing to provision: it counts as it is. */
  | { readonly do: 'accept' }
  | { readonly do: 'start'; readonly workflow: (typeof reconcilers)[ReconciledKind] };

type Rule = readonly [
  applies: (seen: SeenResource) => boolean,
  decide: (seen: SeenResource) => Decision,
];

/** Failures that the same spec meets again; every other failure is tried again after a while. */
export const lastingFailures: ReadonlySet<string> = new Set([
  'Frozen',
  'MigrationCancelled',
  'MigrationNotSupported',
  'PlanRejected',
  'SpecNotSupported',
  'VersionSuperseded',
]);

/** First rule that applies wins. No clock, no I/O: everything it looks at is in `seen`. */
const rules: readonly Rule[] = [
  [nothingHoldsIt, () => ({ do: 'nothing', settled: true })],
  [deletionRefused, () => ({ do: 'tryLater' })],
  [beingDeleted, start],
  [nothingToProvision, () => ({ do: 'accept' })],
  [dropRefused, () => ({ do: 'tryLater' })],
  [versionToDrop, start],
  [alreadyReady, () => ({ do: 'nothing', settled: true })],
  [failedForGood, () => ({ do: 'nothing', settled: true })],
  [underWay, () => ({ do: 'tryLater' })],
  [somethingMissing, (seen) => ({ do: 'wait', obstacle: seen.obstacle as Obstacle })],
  [failedJustNow, () => ({ do: 'tryLater' })],
  [always, start],
];

export function decide(seen: SeenResource): Decision {
  const rule = rules.find(([applies]) => applies(seen)) as Rule;
  return rule[1](seen);
}

/** Being deleted without our finalizer: whoever else holds it removes it. */
function nothingHoldsIt({ resource }: SeenResource): boolean {
  return isBeingDeleted(resource) && !(resource.metadata.finalizers ?? []).includes(finalizer);
}

/** Said no, and nothing that it was about has changed as far as can be seen from here. */
function deletionRefused({ resource, due }: SeenResource): boolean {
  if (due || !isBeingDeleted(resource)) return false;
  const confirmed =
    resource.metadata.annotations?.[confirmDeleteAnnotation] === resource.metadata.name;
  const refusal = findCondition(resource, 'Deletion');
  if (refusal?.status !== 'False') return false;
  return !(confirmed && refusal.reason === 'HoldsRecords');
}

function beingDeleted({ resource }: SeenResource): boolean {
  return isBeingDeleted(resource);
}

function nothingToProvision({ resource }: SeenResource): boolean {
  return !isReconciled(resource.kind);
}

/** Somebody wants a version gone that is still served; a spec that is not served yet comes first. */
function versionToDrop({ resource }: SeenResource): boolean {
  const version = resource.metadata.annotations?.[dropVersionAnnotation];
  if (version === undefined || resource.kind !== 'SchemaDefinition') return false;
  const served = resource.status?.versions?.some((one) => one.version === version) === true;
  return served && isReady(resource);
}

/** It was told why that version stays; when that is over, nobody tells. */
function dropRefused(seen: SeenResource): boolean {
  if (seen.due || !versionToDrop(seen)) return false;
  const said = findCondition(seen.resource, 'VersionDropped');
  const version = seen.resource.metadata.annotations?.[dropVersionAnnotation] ?? '';
  return said?.status === 'False' && said.message.startsWith(`${version} `);
}

function alreadyReady({ resource }: SeenResource): boolean {
  return isReady(resource);
}

function failedForGood({ resource }: SeenResource): boolean {
  return hasFailed(resource) && lastingFailures.has(findCondition(resource, 'Ready')?.reason ?? '');
}

/** What a workflow writes while it works is no news to it. */
function underWay({ resource, started, due }: SeenResource): boolean {
  const { status, metadata } = resource;
  const described = status?.observedGeneration === metadata.generation;
  const working = status?.phase === 'Provisioning' || status?.phase === 'AwaitingApproval';
  return started && !due && (!described || working);
}

function somethingMissing({ obstacle }: SeenResource): boolean {
  return obstacle !== undefined;
}

function failedJustNow({ resource, due }: SeenResource): boolean {
  return hasFailed(resource) && !due;
}

function always(): boolean {
  return true;
}

function start({ resource }: SeenResource): Decision {
  if (!isReconciled(resource.kind)) return { do: 'nothing', settled: true };
  return { do: 'start', workflow: reconcilers[resource.kind] };
}

/** Failed on the spec as it is now; an edit is looked at afresh. */
function hasFailed({ status, metadata }: Resource): boolean {
  const failed = status?.phase === 'Failed' || status?.phase === 'Frozen';
  return failed && status.observedGeneration === metadata.generation;
}

function isReconciled(kind: Resource['kind']): kind is ReconciledKind {
  return Object.hasOwn(reconcilers, kind);
}
