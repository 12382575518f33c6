import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestMigration } from '../../src/api/platform/request-migration.ts';
import type { Kind, Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import {
  decidePlanSignal,
  reconcileWorkflowId,
  requestedWorkflowId,
  specChangedSignal,
  taskQueues,
} from '../../src/contract/names.ts';
import { createWorkflowAccess } from '../../src/process/workflow-access.ts';
import { loadWorkflowBundle } from '../../src/process/workflow-bundle.ts';
import { requestReconcile, requestRepair } from '../../src/resources/drift/repair-requests.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { decideByToken } from '../support/decide-plan.ts';
import { manifest, testTenant } from '../support/manifests.ts';
import type { RecordedHistory } from './histories/recorded-history.ts';
import { replay, shapeOf, toStoredJson } from './histories/recorded-history.ts';

/**
 * Every workflow in every way that it can go. What Temporal records of it is played again at once;
 * `scripts/record-histories.ts` keeps it for the replay gate.
 */
const recordTo = process.env['VELOCITY_HISTORIES_DIR'];
const withinMs = 60_000;

let plane: ControlPlane;
let access: ReturnType<typeof createWorkflowAccess>;
const tenant = testTenant('recorded');
const pgNamespace = tenant.namespace.replaceAll('-', '_');

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  access = createWorkflowAccess({
    temporalAddress: plane.temporalAddress(),
    temporalNamespace: 'default',
  });
});

afterAll(async () => {
  await access?.close();
  await plane?.stop();
});

const keyOf = (kind: Kind, name: string, namespace = tenant.namespace): ResourceKey => ({
  ...{ kind, namespace, name },
});
const schemaKey = (name: string) => keyOf('SchemaDefinition', name);
const until = (key: ResourceKey, wanted: (found: Resource | undefined) => boolean) =>
  plane.until(key, wanted, withinMs);
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);
const gone = (found: Resource | undefined): boolean => found === undefined;
const failed = (found: Resource | undefined): boolean => found?.status?.phase === 'Failed';
const waits = (found: Resource | undefined): boolean =>
  found?.status?.phase === 'AwaitingApproval' &&
  found.status.observedGeneration === found.metadata.generation;

const amount = (type: string, more = {}) => ({ fields: [{ name: 'amount', type, ...more }] });
const handleOf = (name: string) =>
  plane.temporal.workflow.getHandle(reconcileWorkflowId(schemaKey(name)));

async function query(text: string, values: unknown[] = []): Promise<void> {
  await plane.pool.query({ text, values });
}

/** A schema with records that are strings. */
async function serve(name: string, values: readonly string[]): Promise<void> {
  await plane.store.apply([tenant.schema(name, amount('string'))]);
  await until(schemaKey(name), ready);
  const text = `insert into ${pgNamespace}.${name}_v1 (amount) select unnest($1::text[])`;
  await query(text, [values]);
}

/** Asks for integers; answers the hash of the plan that waits. */
async function narrow(name: string, type = 'integer'): Promise<string> {
  await plane.store.apply([tenant.schema(name, amount(type))]);
  const waiting = (await until(schemaKey(name), waits)) as SchemaDefinition;
  return waiting.status?.plan?.hash ?? '';
}

/** As a superuser, on a connection of its own. */
async function connect(): Promise<pg.Client> {
  const client = new pg.Client(plane.superuserUrl);
  await client.connect();
  return client;
}

/** A second version, which takes its records over by this expression. */
const second = (number: string) => ({
  fields: [{ name: 'number', type: 'string', required: true, maxLength: 4 }],
  spec: { version: 'v2', lifecycle: { migrateFrom: { version: 'v1', mapping: { number } } } },
});

/** A schema with a record, served in both versions. */
async function offer(name: string, number: string): Promise<void> {
  await serve(name, ['1']);
  await plane.store.apply([tenant.schema(name, second(number))]);
  await until(schemaKey(name), ready);
}

async function promote(name: string, hold = false): Promise<void> {
  const schema = (await plane.store.find(schemaKey(name))) as SchemaDefinition;
  await requestMigration(plane.pool, schema, { to: 'v2', hold, actor: 'ada' });
}

const migrationIs = (wanted: string) => (found: Resource | undefined) =>
  (found as SchemaDefinition).status?.migration?.state === wanted;

const decide = (name: string, planHash: string, approved = true) =>
  decideByToken(plane.pool, access.decidePlan, {
    ...{ ref: schemaKey(name), planHash, actor: 'eve', approved },
  });

describe('histories are made by', () => {
  it('an organisation, its application and its domain', async () => {
    await plane.store.apply(tenant.base);
    await until(keyOf('Domain', 'sales'), ready);
  });

  it('a role binding and a key', async () => {
    const owner = { actor: 'jo', actorType: 'user' };
    await plane.store.apply([
      manifest('RoleBinding', 'jo', tenant.namespace, { actorId: 'jo', roles: ['reader'] }),
      manifest('ApiKey', 'jo', tenant.namespace, owner),
    ]);
    await until(keyOf('RoleBinding', 'jo'), ready);
    await until(keyOf('ApiKey', 'jo'), (found) => found?.status?.phase !== undefined);
    for (const kind of ['RoleBinding', 'ApiKey'] as const) {
      await plane.store.delete(keyOf(kind, 'jo'));
      await until(keyOf(kind, 'jo'), gone);
    }
  });

  it('a role binding that cannot be kept', async () => {
    const superuser = await connect();
    const broken = 'alter table platform.role_bindings';
    await superuser.query(`${broken} add constraint broken check (name <> 'mia')`);
    const spec = { actorId: 'mia', roles: ['reader'] };
    await plane.store.apply([manifest('RoleBinding', 'mia', tenant.namespace, spec)]);
    await until(keyOf('RoleBinding', 'mia'), failed);
    await superuser.query(`${broken} drop constraint broken`);
    await superuser.end();
  });

  it('a schema that is made, filled in and approved', async () => {
    await serve('approved', ['1', '2']);
    const hash = await narrow('approved');
    await expect(decide('approved', 'f'.repeat(64))).rejects.toThrow();
    await decide('approved', hash);
    await until(schemaKey('approved'), ready);
  });

  it('a plan that is rejected, and one that gives way to a newer spec', async () => {
    await serve('rejected', ['1']);
    await narrow('rejected');
    await decide('rejected', await narrow('rejected', 'number'), false);
    await until(schemaKey('rejected'), failed);
  });

  it('a plan that is approved by a signal', async () => {
    await serve('signalled', ['1']);
    const hash = await narrow('signalled');
    await query(
      `insert into platform.approval_tokens values ($1, $2, 'signalled', $3, 'eve', clock_timestamp() + interval '1 hour')`,
      [createHash('sha256').update('right').digest(), tenant.namespace, hash],
    );
    await handleOf('signalled').signal(decidePlanSignal, 'wrong');
    await handleOf('signalled').signal(decidePlanSignal, 'right');
    await until(schemaKey('signalled'), ready);
  });

  it('a change that the data do not fit', async () => {
    await serve('unfit', ['one']);
    await decide('unfit', await narrow('unfit'));
    await until(schemaKey('unfit'), failed);
  });

  it('a change that is cancelled', async () => {
    await serve('cancelled', ['1']);
    const hash = await narrow('cancelled');
    const blocker = await connect();
    await blocker.query(`begin; select from ${pgNamespace}.cancelled_v1 for update`);
    await decide('cancelled', hash);
    const applying = async () =>
      (await handleOf('cancelled').describe()).raw.pendingActivities?.map(
        ({ activityType }) => activityType?.name,
      );
    await expect.poll(applying, { timeout: withinMs }).toEqual(['applySchemaSteps']);
    await handleOf('cancelled').cancel();
    await blocker.query('rollback');
    await blocker.end();
    await until(schemaKey('cancelled'), failed);
  });

  it('a schema that changes while it is reconciled, and goes', async () => {
    await plane.store.apply([tenant.schema('brief', amount('string'))]);
    await plane.store.apply([tenant.schema('brief', amount('string', { filterable: true }))]);
    await until(schemaKey('brief'), ready);
    await plane.store.delete(schemaKey('brief'));
    await until(schemaKey('brief'), gone);
  });

  it('a plan that still waits', async () => {
    await serve('waiting', ['1']);
    await narrow('waiting');
  });

  it('a plan that waits through more changes than one run follows', async () => {
    await serve('patient', ['1']);
    const hash = await narrow('patient');
    const { runId } = await handleOf('patient').describe();
    const begunAnew = async () => {
      await handleOf('patient').signal(specChangedSignal);
      return (await handleOf('patient').describe()).runId !== runId;
    };
    await expect.poll(begunAnew, { timeout: withinMs }).toBe(true);
    await decide('patient', hash);
    await until(schemaKey('patient'), ready);
  });

  it('the runs of the schedules', async () => {
    for (const workflow of ['detectDrift', 'maintainPartitions']) {
      await plane.temporal.workflow.execute(workflow, {
        ...{ workflowId: `scheduled/${workflow}`, taskQueue: taskQueues.control, args: [] },
      });
    }
  });

  it('records that move to another version, and records that do not fit it', async () => {
    await offer('moved', 'self.amount');
    await promote('moved');
    await until(schemaKey('moved'), migrationIs('done'));
    await offer('unmoved', `self.amount + ' and more'`);
    await promote('unmoved');
    await until(schemaKey('unmoved'), migrationIs('failed'));
  });

  it('records that move once a transaction elsewhere has ended', async () => {
    await offer('kept', 'self.amount');
    await promote('kept', true);
    await until(schemaKey('kept'), migrationIs('inStep'));
    const long = await connect();
    await long.query('begin; select pg_current_xact_id()');
    await query(
      `insert into ${pgNamespace}.kept_v1 (amount) select n from generate_series(1, 600) n`,
    );
    await promote('kept');
    const migration = plane.temporal.workflow.getHandle(
      requestedWorkflowId('migrateVersion', schemaKey('kept')),
    );
    const rests = async () =>
      (await migration.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes);
    await expect.poll(rests, { timeout: withinMs }).toBe(true);
    await long.query('rollback');
    await long.end();
    await until(schemaKey('kept'), migrationIs('done'));
  });

  it('a version that is dropped', async () => {
    const annotations = { 'velocity.sh/drop-version': 'v1' };
    await plane.store.apply([tenant.schema('moved', { ...second('self.amount'), annotations })]);
    const left = (found: Resource | undefined): boolean =>
      (found as SchemaDefinition).status?.versions?.map(({ version }) => version).join() === 'v2';
    await until(schemaKey('moved'), left);
  });

  it('schedules, and a repair', async () => {
    await query(`alter table ${pgNamespace}.approved_v1 disable trigger velocity_history_update`);
    for (const id of ['detectDrift', 'maintainPartitions']) {
      await plane.temporal.schedule.getHandle(id).trigger();
    }
    await until(schemaKey('approved'), (found) => found?.status?.phase === 'Drifted');
    const asked = { requestedBy: 'eve', reason: undefined, generation: 2 };
    await requestRepair(plane.pool, schemaKey('approved'), asked);
    await requestReconcile(plane.pool, schemaKey('approved'), 'eve');
    await until(schemaKey('approved'), (found) => found?.status?.phase === 'Ready');
  });

  it('an organisation that is taken down', async () => {
    const brief = testTenant('recorded-brief');
    await plane.store.apply(brief.base);
    await until(keyOf('Domain', 'sales', brief.namespace), ready);
    const keys = [
      keyOf('AuthStrategy', 'keys', brief.namespace),
      keyOf('Domain', 'sales', brief.namespace),
      keyOf('Application', 'shop', brief.organisation),
      keyOf('Organisation', brief.organisation, brief.organisation),
    ];
    for (const key of keys) {
      await plane.store.delete(key);
      await until(key, gone);
    }
  });
});

it('every history is played again by the code that made it', async () => {
  const histories = await readHistories();
  expect(histories.length).toBeGreaterThan(10);
  const { code } = await loadWorkflowBundle();
  const results = await replay(code, histories);
  expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  if (recordTo === undefined) return;
  await mkdir(recordTo, { recursive: true });
  for (const { name, json } of histories) await writeFile(join(recordTo, `${name}.json`), json);
});

/** One history of each shape that a workflow's runs have. */
async function readHistories(): Promise<RecordedHistory[]> {
  const runs: { type: string; workflowId: string; runId: string; at: number }[] = [];
  for await (const run of plane.temporal.workflow.list()) {
    const { type, workflowId, runId, startTime } = run;
    runs.push({ type, workflowId, runId, at: startTime.getTime() });
  }
  runs.sort((a, b) => a.at - b.at);
  const histories = new Map<string, RecordedHistory>();
  const names = new Map<string, number>();
  for (const { type, workflowId, runId } of runs) {
    const json = toStoredJson(
      await plane.temporal.workflow.getHandle(workflowId, runId).fetchHistory(),
    );
    const shape = `${type}\n${shapeOf(json)}`;
    if (histories.has(shape)) continue;
    const base = `${type}.${workflowId.split('/').at(-1)}`;
    const nth = (names.get(base) ?? 0) + 1;
    names.set(base, nth);
    histories.set(shape, { name: nth === 1 ? base : `${base}-${nth}`, workflowId, json });
  }
  return [...histories.values()];
}
