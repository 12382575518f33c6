import { createHash } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { decidePlanSignal, reconcileWorkflowId } from '../../src/contract/names.ts';
import { createWorkflowAccess } from '../../src/process/workflow-access.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { decideByToken } from '../support/decide-plan.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

/** Guarantee 21: an empty Temporal takes the place of the one that is lost, and nothing else is. */

let plane: ControlPlane;
let access: ReturnType<typeof createWorkflowAccess>;
const tenant = testTenant(uniqueName('acme'));
const pgNamespace = tenant.namespace.replaceAll('-', '_');
const withinMs = 60_000;
const names = ['untouched', 'waiting', 'signalled', 'changing', 'going'];

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startOperator(), plane.startWorker()]);
  access = createWorkflowAccess({
    temporalAddress: plane.temporalAddress(),
    temporalNamespace: 'default',
  });
  await plane.store.apply([...tenant.base, ...names.map((name) => tenant.schema(name, text))]);
  for (const name of names) {
    await plane.until(schemaKey(name), ready, withinMs);
    await query(`insert into ${tableOf(name)} (amount) values ('7')`);
  }
});

afterAll(async () => {
  await access?.close();
  await plane?.stop();
});

const text = { fields: [{ name: 'amount', type: 'string' }] };
const integer = { fields: [{ name: 'amount', type: 'integer' }] };
const schemaKey = (name: string): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace: tenant.namespace, name },
});
const tableOf = (name: string): string => `${pgNamespace}.${name}_v1`;
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

async function query(statement: string, values: unknown[] = []) {
  return (await plane.pool.query({ text: statement, values })).rows;
}

/** Asks for integers; the hash of the plan that waits. */
async function narrow(name: string): Promise<string> {
  await plane.store.apply([tenant.schema(name, integer)]);
  const waiting = (found: Resource | undefined) => found?.status?.phase === 'AwaitingApproval';
  const found = (await plane.until(schemaKey(name), waiting, withinMs)) as SchemaDefinition;
  return found.status?.plan?.hash ?? '';
}

const approve = (name: string, planHash: string) =>
  decideByToken(plane.pool, access.decidePlan, {
    ...{ ref: schemaKey(name), planHash, actor: 'eve', approved: true },
  });

it('everything that was under way is rebuilt from resources and Postgres', async () => {
  const waiting = await narrow('waiting');
  const signalled = await narrow('signalled');
  await query(
    `insert into platform.approval_tokens values ($1, $2, 'signalled', $3, 'eve', clock_timestamp() + interval '1 hour')`,
    [createHash('sha256').update('minted before').digest(), tenant.namespace, signalled],
  );
  const changing = await narrow('changing');
  const blocker = new pg.Client(plane.superuserUrl);
  await blocker.connect();
  await blocker.query(`begin; select from ${tableOf('changing')}, ${tableOf('going')} for update`);
  await approve('changing', changing);
  const applying = async () =>
    query(`select state from platform.schema_plans where plan_hash = $1`, [changing]);
  await expect.poll(applying, { timeout: withinMs }).toEqual([{ state: 'applying' }]);
  await plane.store.apply([
    tenant.schema('going', { ...text, annotations: { 'velocity.sh/confirm-delete': 'going' } }),
  ]);
  await plane.store.delete(schemaKey('going'));
  const closed = async () =>
    query(`select from platform.schema_revisions where name = 'going' and state = 'active'`);
  await expect.poll(closed, { timeout: withinMs }).toEqual([]);

  const bringBack = await plane.loseTemporal();
  await plane.store.apply([tenant.schema('meanwhile')]);
  await bringBack();
  await blocker.query('rollback');
  await blocker.end();

  await plane.until(schemaKey('meanwhile'), ready, withinMs);
  await plane.until(schemaKey('changing'), ready, withinMs);
  await plane.until(schemaKey('going'), (found) => found === undefined, withinMs);
  expect(await query(`select amount from ${tableOf('changing')}`)).toEqual([{ amount: 7 }]);

  // The plans wait again, as the same ones; nothing of them was decided by the loss.
  for (const name of ['waiting', 'signalled']) {
    const hash = name === 'waiting' ? waiting : signalled;
    expect((await plane.store.find(schemaKey(name)))?.status).toMatchObject({
      ...{ phase: 'AwaitingApproval', activeRevision: 1, plan: { hash } },
    });
  }
  const connection = await Connection.connect({ address: plane.temporalAddress() });
  const { workflow } = new Client({ connection });
  const running = async (name: string) =>
    (await workflow.getHandle(reconcileWorkflowId(schemaKey(name))).describe()).status.name;
  for (const name of ['waiting', 'signalled']) {
    await expect.poll(() => running(name).catch(() => ''), { timeout: withinMs }).toBe('RUNNING');
  }
  await approve('waiting', waiting);
  await workflow
    .getHandle(reconcileWorkflowId(schemaKey('signalled')))
    .signal(decidePlanSignal, 'minted before');
  for (const name of ['waiting', 'signalled']) {
    await plane.until(schemaKey(name), ready, withinMs);
    expect(await query(`select amount from ${tableOf(name)}`)).toEqual([{ amount: 7 }]);
  }
  // What was Ready is as it was, and nobody did anything to it.
  await expect(running('untouched')).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  await connection.close();
}, 90_000);
