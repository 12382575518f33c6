import type { Target } from '../load/messages.ts';

/** What the traffic does; `refused` is a patch of a version that is long past. */
export const kinds = [
  'get',
  'list',
  'query',
  'history',
  'create',
  'patch',
  'put',
  'delete',
  'bulk',
  'refused',
] as const;
export type Kind = (typeof kinds)[number];

/** Where the traffic goes and how much of it there is. */
export interface TrafficOptions {
  readonly target: Target;
  /** `/api/{org}/{app}/{domain}/{object}/{version}` */
  readonly path: string;
  /** The history table, quoted, and an address that may read it. */
  readonly history: string;
  readonly databaseUrl: string;
  /** Requests that become due each second, whether earlier ones are answered or not. */
  readonly ratePerS: number;
  readonly connections: number;
  /** Records that were there before, by number; patched now and then. */
  readonly seeds: number;
  /** The same number gives the same requests in the same order. */
  readonly random: number;
}

/**
 * What became of a write: answered with success, answered with a refusal, or not answered at all. Its
 * title is its own, so that it can be found wherever it should be and wherever it should not.
 */
export interface LoggedWrite {
  readonly operation: 'create' | 'update' | 'delete';
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly title: string;
  readonly status: string;
  readonly quantity: number;
  /** Of a create that was not answered: unknown. */
  readonly id: string | null;
  /** The version that it made. */
  readonly version: number | null;
}

/** Milliseconds since the epoch when the request was due, how long its answer then took, and its kind. */
export type Sample = readonly [dueAt: number, tookMs: number, kind: number];

/** What the traffic leaves behind, as a file. */
export interface TrafficLog {
  readonly samples: readonly Sample[];
  readonly writes: readonly LoggedWrite[];
}

export type TrafficRequest =
  | { readonly type: 'start'; readonly options: TrafficOptions }
  | { readonly type: 'stop'; readonly file: string };

export type TrafficAnswer =
  | { readonly type: 'started' }
  /** An answer that was not the right one, told at once. */
  | { readonly type: 'failure'; readonly message: string }
  | { readonly type: 'stopped' };
