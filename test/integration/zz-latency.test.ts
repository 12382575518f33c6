import { afterAll, beforeAll, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { isReady } from '../../src/resources/status.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
let plane: any;
afterAll(() => plane?.stop());
it('x', async () => {
  plane = await startControlPlane();
  let t0 = performance.now();
  const w = await plane.startWorker();
  console.log('worker start', performance.now() - t0); t0 = performance.now();
  await plane.startOperator();
  console.log('operator start', performance.now() - t0);
  const tenant = testTenant(uniqueName('acme'));
  const ready = (r: any) => r && isReady(r);
  t0 = performance.now();
  await plane.store.apply(tenant.base);
  await plane.until({ kind: 'Domain', namespace: tenant.namespace, name: 'sales' }, ready);
  console.log('base', performance.now() - t0);
  for (let i = 0; i < 6; i++) {
    t0 = performance.now(); const wall = Date.now();
    await plane.store.apply([tenant.schema('s' + i)]);
    const applied = performance.now() - t0;
    await plane.until({ kind: 'SchemaDefinition', namespace: tenant.namespace, name: 's' + i }, ready);
    console.log('schema', i, 'applied', applied, 'ready', performance.now() - t0);
    await sleep(300);
    const h = await plane.temporal.workflow.getHandle(`reconcile/SchemaDefinition/${tenant.namespace}/s${i}`).fetchHistory();
    if (i > 3) for (const e of h.events) console.log('  ', Number(e.eventTime.seconds) * 1000 + e.eventTime.nanos / 1e6 - wall, Object.keys(e).find(k => k.endsWith('Attributes')), e.activityTaskScheduledEventAttributes?.activityType?.name ?? '');
  }
  t0 = performance.now();
  await w.kill('SIGTERM');
  console.log('worker stop', performance.now() - t0);
}, 120000);
