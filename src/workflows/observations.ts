import type { Sinks } from '@temporalio/workflow';
import { proxySinks } from '@temporalio/workflow';
import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';

/** What a workflow tells its worker, for logs and metrics; nothing comes back. */
export interface ReconcileSinks extends Sinks {
  reconcile: {
    started(ref: ResourceRef): void;
    finished(ref: ResourceRef, outcome: Outcome, ms: number): void;
  };
}

export const { reconcile: observations } = proxySinks<ReconcileSinks>();
