import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane, ControlProcess } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { faultMs } from '../support/fault-scale.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';

/**
 * Guarantee 20: Temporal is away for ten minutes (scaled). The API serves, what is asked for meanwhile
 * is kept in Postgres, and nobody's memory is needed to make it come true.
 */

let plane: ControlPlane;
let operator: ControlProcess;
let api: ApiProcess;
let adminKey: string;
const tenant = testTenant(uniqueName('acme'));
const awayMs = faultMs(10);

beforeAll(async () => {
  plane = await startControlPlane({ keepTemporal: true });
  [operator] = await Promise.all([plane.startOperator(), plane.startWorker()]);
  adminKey = await ensureBootstrapKey(plane.superuserUrl, { env: 'test' });
  api = await spawnApi({
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  await plane.store.apply([...tenant.base, tenant.schema('served'), tenant.schema('leaving')]);
  await plane.until(schemaKey('served'), ready);
  await plane.until(schemaKey('leaving'), ready);
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await plane?.stop();
});

const schemaKey = (name: string): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace: tenant.namespace, name },
});
const ready = (resource: Resource | undefined): boolean =>
  resource !== undefined && isReady(resource);
const waits = (resource: Resource | undefined): boolean =>
  resource?.status?.phase === 'AwaitingApproval';
const records = `/api/${tenant.organisation}/shop/sales/served/v1`;
const objects = '/api/platform/objects/schemadefinitions';

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${api.url}${path}`, {
    method,
    headers: { 'x-api-key': adminKey, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

/** Readers and writers until they are stopped; answers what was refused. */
function startTraffic() {
  const refused: unknown[] = [];
  let requests = 0;
  let stopped = false;
  const running = (async () => {
    for (let n = 0; !stopped; n++) {
      for (const answer of [
        await call('POST', records, { title: `written ${n}` }),
        await call('GET', `${records}?limit=5`),
      ]) {
        requests += 1;
        if (answer.status >= 300) refused.push(answer);
      }
      await sleep(10);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await running;
      return { requests, refused };
    },
  };
}

it(
  'the API serves without Temporal, and what is asked for meanwhile comes true',
  async () => {
    const narrowed = tenant.schema('served', { fields: [{ name: 'title', type: 'integer' }] });
    await plane.store.apply([
      tenant.schema('planned', { fields: [{ name: 'a', type: 'string' }] }),
    ]);
    await plane.until(schemaKey('planned'), ready);
    await plane.store.apply([
      tenant.schema('planned', { fields: [{ name: 'a', type: 'integer' }] }),
    ]);
    const waiting = (await plane.until(schemaKey('planned'), waits)) as SchemaDefinition;
    const plan = waiting.status?.plan?.hash;
    const approve = (name: string) =>
      call('POST', `/api/platform/schema-plans/${tenant.namespace}/${name}/approve`, { plan });

    const bringBack = await plane.takeTemporalAway();
    const goneAt = performance.now();
    const traffic = startTraffic();
    const put = (name: string, manifest: object) =>
      call('PUT', `${objects}/${tenant.namespace}/${name}`, manifest);
    expect(await put('meanwhile', tenant.schema('meanwhile'))).toMatchObject({ status: 201 });
    expect(await put('served', narrowed)).toMatchObject({ status: 200 });
    const deleted = await call('DELETE', `${objects}/${tenant.namespace}/leaving`);
    expect(deleted.status, JSON.stringify(deleted.body)).toBeLessThan(300);
    expect(await approve('planned')).toMatchObject({
      ...{ status: 503, body: { code: 'TEMPORAL_UNAVAILABLE' } },
    });
    expect(await call('GET', '/api/platform/workflows')).toMatchObject({ status: 503 });
    expect(await call('GET', '/readyz')).toMatchObject({ status: 200 });
    const failed = () => operator.log.filter(({ msg }) => msg === 'workflow.start-failed');
    await expect.poll(() => failed().length, { timeout: 20_000 }).toBeGreaterThan(1);

    // What is asked for is in nobody's memory.
    await operator.kill('SIGKILL');
    await plane.startOperator();
    await sleep(Math.max(0, awayMs - (performance.now() - goneAt)));
    const { requests, refused } = await traffic.stop();
    expect(refused).toEqual([]);
    expect(requests).toBeGreaterThan(50);

    await bringBack();
    await plane.until(schemaKey('meanwhile'), ready, 60_000);
    await plane.until(schemaKey('served'), waits, 60_000);
    await plane.until(schemaKey('leaving'), (found) => found === undefined, 60_000);
    expect((await plane.store.find(schemaKey('planned')))?.status).toMatchObject({
      ...{ phase: 'AwaitingApproval', activeRevision: 1, plan: { hash: plan } },
    });
    const answer = await approve('planned');
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    await plane.until(schemaKey('planned'), ready, 60_000);
  },
  faultMs(10) + 120_000,
);
