import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Resource } from '../../src/contract/kinds.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ControlPlane, ControlProcess } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

let plane: ControlPlane;
let operator: ControlProcess;

beforeAll(async () => {
  plane = await startControlPlane();
  [operator] = await Promise.all([plane.startOperator(), plane.startWorker()]);
});

afterAll(() => plane?.stop());

function ready(resource: Resource | undefined): boolean {
  return resource !== undefined && isReady(resource);
}

it('operator and worker outlive Temporal, and start what was asked for meanwhile', async () => {
  const tenant = testTenant(uniqueName('acme'));
  await plane.store.apply(tenant.base);
  await plane.until({ kind: 'Domain', namespace: tenant.namespace, name: 'sales' }, ready);

  const bringBack = await plane.loseTemporal();
  await plane.store.apply([tenant.schema('meanwhile')]);
  const failed = () => operator.log.filter(({ msg }) => msg === 'workflow.start-failed');
  await expect.poll(() => failed().length, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(failed()[0]).toMatchObject({
    workflow: 'reconcileSchema',
    workflowId: `reconcile/SchemaDefinition/${tenant.namespace}/meanwhile`,
  });

  await bringBack();
  const key = { kind: 'SchemaDefinition', namespace: tenant.namespace, name: 'meanwhile' } as const;
  await plane.until(key, ready, 60_000);
  expect(await operator.kill('SIGTERM')).toBe(0);
}, 120_000);
