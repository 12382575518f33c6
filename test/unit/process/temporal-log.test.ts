import { describe, expect, it } from 'vitest';
import type { Observation } from '../../../src/observe.ts';
import { observeTemporalLog } from '../../../src/process/temporal-log.ts';

function observed(meta: Record<string, unknown>, message = 'Workflow failed'): Observation[] {
  const observations: Observation[] = [];
  observeTemporalLog((one) => void observations.push(one), { level: 'WARN', message, meta });
  return observations;
}

describe('what the SDK logs', () => {
  const workflowId = 'reconcile/SchemaDefinition/acme-shop-sales/item';
  const reconcile = { workflowId, workflowType: 'reconcileSchema' };

  it('is not said again when it is the end of a reconcile, which has been observed', () => {
    expect(observed({ ...reconcile, sdkComponent: 'worker', error: new Error('no') })).toEqual([]);
  });

  it.each([
    ['an activity of one', { ...reconcile, sdkComponent: 'worker', activityType: 'activate' }],
    ['the code of one', { ...reconcile, sdkComponent: 'workflow' }],
    ['the end of any other workflow', { workflowType: 'sealAudit', sdkComponent: 'worker' }],
    ['the core', { sdkComponent: 'core' }],
  ])('is passed on when it is about %s', (_what, meta) => {
    expect(observed(meta)).toMatchObject([{ type: 'temporal.logged', severity: 'WARN' }]);
  });
});
