import type { LogEntry } from '@temporalio/worker';
import { reconcilers } from '../contract/names.ts';
import type { Observe } from '../observe.ts';

const told: ReadonlySet<unknown> = new Set(Object.values(reconcilers));

/** Passes on what the SDK says, but for what `reconcile.finished` and the status have said already. */
export function observeTemporalLog(
  observe: Observe,
  { level: severity, message, meta }: Pick<LogEntry, 'level' | 'message' | 'meta'>,
): void {
  if (isEndOfReconcile(meta)) return;
  const { workflowId, activityType, error } = meta ?? {};
  observe({ type: 'temporal.logged', severity, message, workflowId, activityType, cause: error });
}

/** The SDK's own line about how a workflow ended; what its code or an activity logs is none. */
function isEndOfReconcile(meta: LogEntry['meta']): boolean {
  return (
    meta?.['sdkComponent'] === 'worker' &&
    meta['activityType'] === undefined &&
    told.has(meta['workflowType'])
  );
}
