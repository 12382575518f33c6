import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestMigration } from '../../src/api/platform/request-migration.ts';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { requestedWorkflowId } from '../../src/contract/names.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ControlPlane, ControlProcess } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import type { TestTenant } from '../support/manifests.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import { watchLocks } from './schema/lock-watch.ts';

/** `migrateVersion` on Temporal: workers are killed, people change their minds, and all of it ends well. */

let plane: ControlPlane;
let tenant: TestTenant;
let pgNamespace: string;
const withinMs = 90_000;
const fields = (name: string) => [{ name, type: 'string', required: true, unique: true }];

beforeAll(async () => {
  plane = await startControlPlane();
  tenant = testTenant(uniqueName('acme'));
  pgNamespace = tenant.namespace.replaceAll('-', '_');
  const [worker] = await Promise.all([plane.startWorker(), plane.startOperator()]);
  await plane.store.apply(tenant.base);
  await plane.until(keyOf('sales', 'Domain'), ready, withinMs);
  await worker.kill('SIGTERM');
});

afterAll(() => plane?.stop());

function keyOf(name: string, kind: 'SchemaDefinition' | 'Domain' = 'SchemaDefinition') {
  return { kind, namespace: tenant.namespace, name } as const;
}

function ready(found: Resource | undefined): boolean {
  return found !== undefined && isReady(found);
}

function tableOf(name: string, version: string): string {
  return `${pgNamespace}.${name.replaceAll('-', '_')}_${version}`;
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[][]> {
  const result = await plane.pool.query({ text, values });
  return result.rows.map((row) => Object.values(row));
}

const mapping = { subject: `'Re: ' + self.title` };
const secondVersion = {
  version: 'v2',
  lifecycle: { migrateFrom: { version: 'v1', mapping } },
};

/** Both versions served, and this many records in the first. */
async function provide(names: readonly string[], records: number): Promise<void> {
  await plane.store.apply(names.map((name) => tenant.schema(name, { fields: fields('title') })));
  for (const name of names) await plane.until(keyOf(name), ready, withinMs);
  await plane.store.apply(
    names.map((name) => tenant.schema(name, { fields: fields('subject'), spec: secondVersion })),
  );
  for (const name of names) await plane.until(keyOf(name), ready, withinMs);
  for (const name of names) {
    await rows(
      `insert into ${tableOf(name, 'v1')} (title) select n from generate_series(1, $1) n`,
      [records],
    );
  }
}

async function promote(name: string, hold = false): Promise<void> {
  const schema = (await plane.store.find(keyOf(name))) as SchemaDefinition;
  await requestMigration(plane.pool, schema, { to: 'v2', hold, actor: 'ada' });
}

function untilState(name: string, state: string): Promise<Resource | undefined> {
  const reached = (found: Resource | undefined): boolean =>
    (found as SchemaDefinition).status?.migration?.state === state;
  return plane.until(keyOf(name), reached, withinMs);
}

/** Both tables hold the same records, and v1 takes no more. */
async function expectMoved(name: string): Promise<void> {
  const system = 'id, version, created_at, created_by, updated_at, updated_by, deleted_at';
  expect(
    await rows(
      `select count(*) from (
         (select ${system}, 'Re: ' || title from ${tableOf(name, 'v1')}
          except select ${system}, subject from ${tableOf(name, 'v2')})
         union all
         (select ${system}, subject from ${tableOf(name, 'v2')}
          except select ${system}, 'Re: ' || title from ${tableOf(name, 'v1')})) as different`,
    ),
    name,
  ).toEqual([[0]]);
  await expect(
    rows(`insert into ${tableOf(name, 'v1')} (title) values ('late')`),
  ).rejects.toMatchObject({
    code: 'SCHEMA_FROZEN',
  });
  expect(
    await rows(
      `select h.id from ${tableOf(name, 'v2')} t full join ${tableOf(name, 'v2')}_history h
           on h.id = t.id and h._occurred_at = t.updated_at
        where h.id is null or t.id is null`,
    ),
    name,
  ).toEqual([]);
}

/** Each starts processes, some of which die: a machine that is busy with others needs its time. */
describe('a promotion', { timeout: 150_000 }, () => {
  it('whose worker is killed at every step ends in the same place', async () => {
    const activities = ['openMigration', 'copyRecords', 'keepInStep', 'cutOver', 'finishMigration'];
    const names = activities.map((activity) => `killed-${activity.toLowerCase()}`);
    const first = await plane.startWorker();
    await provide(names, 3_000);
    await first.kill('SIGTERM');
    for (const [n, activity] of activities.entries()) {
      await promote(names[n] as string);
      expect(await plane.runCrashingWorker({ activity, moment: 'after' })).toBe('SIGKILL');
    }
    const worker = await plane.startWorker();
    for (const name of names) {
      await untilState(name, 'done');
      await expectMoved(name);
    }
    await worker.kill('SIGTERM');
  });

  it('keeps up with writers, and loses none of what they were told is kept', async () => {
    const worker = await plane.startWorker();
    await provide(['busy'], 4_000);
    const table = tableOf('busy', 'v1');
    const kept = new Map<string, string>();
    let stopped = false;
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; !stopped; n++) {
        const title = `${writer} ${n}`;
        const made = await rows(`insert into ${table} (title) values ($1) returning id`, [title]);
        const id = String(made[0]?.[0]);
        kept.set(id, title);
        if (n % 3 === 0) {
          await rows(`update ${table} set title = $2 where id = $1`, [id, `changed ${title}`]);
          kept.set(id, `changed ${title}`);
        }
        await sleep(1);
      }
    };
    const refusedAs = async (error: unknown): Promise<unknown> => (error as { code?: string }).code;
    const writers = [0, 1, 2].map((writer) => write(writer).then(() => 'stopped', refusedAs));
    const looker = new pg.Client(plane.superuserUrl);
    await looker.connect();
    const locks = watchLocks(looker, pgNamespace);
    await promote('busy', true);
    await untilState('busy', 'inStep');
    const before = kept.size;
    await sleep(1_500);
    expect(kept.size).toBeGreaterThan(before);
    await promote('busy');
    await untilState('busy', 'done');
    stopped = true;
    await locks.stop();
    await looker.end();
    expect(locks.longestMs(), locks.longest()).toBeLessThan(500);
    expect(await Promise.all(writers)).toEqual(Array(3).fill('SCHEMA_FROZEN'));
    await expectMoved('busy');
    const found = await rows(
      `select id, subject from ${tableOf('busy', 'v2')} where id = any ($1)`,
      [[...kept.keys()]],
    );
    expect(new Map(found as [string, string][])).toEqual(
      new Map([...kept].map(([id, title]) => [id, `Re: ${title}`])),
    );
    await worker.kill('SIGTERM');
  });

  it('in step survives its worker, and takes over what commits late (guarantees 9, 11)', async () => {
    let worker: ControlProcess = await plane.startWorker();
    await provide(['drained'], 10);
    await promote('drained', true);
    await untilState('drained', 'inStep');
    const table = tableOf('drained', 'v1');
    const late = new pg.Client(plane.superuserUrl);
    await late.connect();
    try {
      // Its number in the outbox is lower than those that are taken over before it commits.
      await late.query(`begin; insert into ${table} (title) values ('late')`);
      await rows(`insert into ${table} (title) select 'more ' || n from generate_series(1, 50) n`);
      await expect
        .poll(() => rows(`select count(*) from ${tableOf('drained', 'v2')}`), { timeout: 20_000 })
        .toEqual([[60]]);
      await worker.kill('SIGKILL');
      await late.query('commit');
    } finally {
      await late.end();
    }
    worker = await plane.startWorker();
    await expect
      .poll(() => rows(`select count(*) from ${tableOf('drained', 'v2')}`), { timeout: 30_000 })
      .toEqual([[61]]);
    // What was taken over is also done with: nothing is left in the outbox once all is settled.
    await expect
      .poll(() => rows(`select count(*) from ${table}_outbox`), { timeout: 20_000 })
      .toEqual([[0]]);
    await promote('drained');
    await untilState('drained', 'done');
    await expectMoved('drained');
    await worker.kill('SIGTERM');
  });

  it('waits for a transaction that keeps changes from being done with', async () => {
    const worker = await plane.startWorker();
    await provide(['waiting'], 10);
    await promote('waiting', true);
    await untilState('waiting', 'inStep');
    const long = new pg.Client(plane.superuserUrl);
    await long.connect();
    const id = requestedWorkflowId('migrateVersion', keyOf('waiting'));
    const cutOvers = async (): Promise<number> => {
      const { events } = await plane.temporal.workflow.getHandle(id).fetchHistory();
      return (events ?? []).filter(
        ({ activityTaskScheduledEventAttributes: scheduled }) =>
          scheduled?.activityType?.name === 'cutOver',
      ).length;
    };
    try {
      await long.query('begin; select pg_current_xact_id()');
      const table = tableOf('waiting', 'v1');
      await rows(`insert into ${table} (title) select 'more ' || n from generate_series(1, 600) n`);
      await promote('waiting');
      await expect.poll(cutOvers, { timeout: 30_000 }).toBeGreaterThan(0);
      await sleep(4_000);
      // After 1, 2 and 4 seconds; each of them holds writers up.
      expect(await cutOvers()).toBeLessThanOrEqual(4);
      await long.query('rollback');
    } finally {
      await long.end();
    }
    await untilState('waiting', 'done');
    await expectMoved('waiting');
    await worker.kill('SIGTERM');
  });

  it('that is cancelled leaves both versions as they were, and can be begun again', async () => {
    const worker = await plane.startWorker();
    await provide(['cancelled'], 2_500);
    await promote('cancelled', true);
    await untilState('cancelled', 'inStep');
    const id = requestedWorkflowId('migrateVersion', keyOf('cancelled'));
    await plane.temporal.workflow.getHandle(id).cancel();
    await untilState('cancelled', 'cancelled');
    expect(await rows(`select count(*) from ${tableOf('cancelled', 'v2')}`)).toEqual([[0]]);
    expect(await rows(`select count(*) from ${tableOf('cancelled', 'v2')}_history`)).toEqual([[0]]);
    await rows(`insert into ${tableOf('cancelled', 'v1')} (title) values ('goes on')`);
    await rows(`insert into ${tableOf('cancelled', 'v2')} (subject) values ('goes on')`);
    await rows(`delete from ${tableOf('cancelled', 'v2')}`);
    expect(
      await rows(
        `select tgname from pg_trigger where tgrelid in ($1::regclass, $2::regclass) and tgname ~ 'copy|outbox|refuse_writes'`,
        [tableOf('cancelled', 'v1'), tableOf('cancelled', 'v2')],
      ),
    ).toEqual([]);
    await promote('cancelled');
    await untilState('cancelled', 'done');
    // Nothing was promised of the version left behind: it goes as soon as somebody says so.
    const annotations = { 'velocity.sh/drop-version': 'v1' };
    const newest = { fields: fields('subject'), spec: secondVersion, annotations };
    await plane.store.apply([tenant.schema('cancelled', newest)]);
    const left = (found: Resource | undefined): boolean =>
      (found as SchemaDefinition).status?.versions?.map(({ version }) => version).join() === 'v2';
    await plane.until(keyOf('cancelled'), left, withinMs);
    expect(await rows('select to_regclass($1) as gone', [tableOf('cancelled', 'v1')])).toEqual([
      [null],
    ]);
    await worker.kill('SIGTERM');
  });

  it('that is asked for while Temporal is away begins when it is back (guarantee 20)', async () => {
    const worker = await plane.startWorker();
    await provide(['away'], 5);
    const bringBack = await plane.loseTemporal();
    await promote('away');
    expect(
      await rows('select count(*) from platform.workflow_requests where started_at is null'),
    ).toEqual([[1]]);
    await bringBack();
    await untilState('away', 'done');
    await expectMoved('away');
    await worker.kill('SIGTERM');
  });
});
