import { isDeepStrictEqual } from 'node:util';
import {
  approveBreakingAnnotation,
  approvedByAnnotation,
  requestedByAnnotation,
} from '../../contract/names.ts';

/** As much of a manifest as stamps are about. */
export interface Stampable {
  readonly metadata?: {
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

export interface StampedChange {
  /** Undefined: it is being created. */
  readonly before: Stampable | undefined;
  readonly after: Stampable;
  /** Who sent the request, as the cluster has proven it. */
  readonly caller: string;
  /** The caller may name others, whom it has proven in its own way: so does the API. */
  readonly speaksForOthers: boolean;
}

/** Annotation → `WHO@WHAT`; undefined: the annotation must not be there. */
export type Stamps = Readonly<Record<string, string | undefined>>;

/**
 * Who is to be named on a resource after a change: whoever changed the spec has asked for this
 * generation of it, and whoever set the approving annotation has approved the plan in it. What the
 * change did not touch stays.
 */
export function stampsOf(change: StampedChange): Stamps {
  const { before, after } = change;
  const old = before?.metadata?.annotations ?? {};
  const asked = before === undefined || !isDeepStrictEqual(before.spec, after.spec);
  const plan = after.metadata?.annotations?.[approveBreakingAnnotation];
  const approves = plan !== undefined && plan !== old[approveBreakingAnnotation];
  const generation = (before?.metadata?.generation ?? 0) + 1;
  const kept = plan === undefined ? undefined : old[approvedByAnnotation];
  return {
    [requestedByAnnotation]: asked
      ? stamp(change, requestedByAnnotation, generation)
      : old[requestedByAnnotation],
    [approvedByAnnotation]: approves ? stamp(change, approvedByAnnotation, plan) : kept,
  };
}

function stamp(change: StampedChange, annotation: string, what: string | number): string {
  const given = change.after.metadata?.annotations?.[annotation];
  const believed = change.speaksForOthers && readStamp(given, what) !== undefined;
  return believed && given !== undefined ? given : formatStamp(change.caller, what);
}

export function formatStamp(who: string, what: string | number): string {
  return `${who}@${what}`;
}

/** Who is named, if it is for this generation or plan: of any other it says nothing. */
export function readStamp(stamp: string | undefined, what: string | number): string | undefined {
  const end = stamp?.lastIndexOf('@') ?? -1;
  if (stamp === undefined || end < 1) return undefined;
  return stamp.slice(end + 1) === String(what) ? stamp.slice(0, end) : undefined;
}

/** Stamps that are not as they have to be. */
export function falseStamps(change: StampedChange): string[] {
  const found = change.after.metadata?.annotations ?? {};
  return Object.entries(stampsOf(change))
    .filter(([annotation, name]) => found[annotation] !== name)
    .map(([annotation]) => annotation);
}
