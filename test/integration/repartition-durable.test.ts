import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { reconcileWorkflowId } from '../../src/contract/names.ts';
import { findCondition, isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import type { TestTenant } from '../support/manifests.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

/** A table that becomes partitioned while workers die, and one that is to stay as it is after all. */

let plane: ControlPlane;
let tenant: TestTenant;
let pgNamespace: string;
let superuser: pg.Client;

const day = { name: 'day', type: 'date', required: true };
const plain = { fields: [day, { name: 'note', type: 'string' }] };
const byYear = { enabled: true, field: 'day', strategy: 'range', interval: 'yearly' };
const partitioned = { ...plain, spec: { partitioning: byYear } };
const seedCount = 4_000;

beforeAll(async () => {
  plane = await startControlPlane();
  tenant = testTenant(uniqueName('acme'));
  pgNamespace = tenant.namespace.replaceAll('-', '_');
  superuser = new pg.Client(plane.superuserUrl);
  await superuser.connect();
  await plane.startOperator();
});

afterAll(async () => {
  await superuser?.end();
  await plane?.stop();
});

const schemaKey = (name: string): ResourceKey => ({
  ...{ kind: 'SchemaDefinition', namespace: tenant.namespace, name },
});
const tableOf = (name: string): string => `${pgNamespace}.${name.replaceAll('-', '_')}_v1`;
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

async function rows(text: string, values: unknown[] = []): Promise<unknown[]> {
  const result = await superuser.query({ text, values, rowMode: 'array' });
  return result.rows.map((row: unknown[]) => (row.length === 1 ? row[0] : row));
}

/** Serves a plain table with records, some of which have a past. */
async function serve(name: string): Promise<void> {
  await plane.store.apply([...tenant.base, tenant.schema(name, plain)]);
  await plane.until(schemaKey(name), ready);
  await rows(
    `insert into ${tableOf(name)} (day, note) select date '2024-06-01' + n % 900, n from generate_series(1, $1::integer) n`,
    [seedCount],
  );
  await rows(`update ${tableOf(name)} set note = 'again' where note like '%7'`);
}

const states = (name: string): Promise<unknown[]> =>
  rows(`select to_jsonb(t)::text from ${tableOf(name)} t order by id`);

/** Tables, indexes, functions and triggers that a change prepares. */
const leftovers = (name: string): Promise<unknown[]> =>
  rows(
    `select relname::text from pg_class where relnamespace = $1::regnamespace and relname like '\\_next\\_' || $2 || '%'
     union all select proname::text from pg_proc where pronamespace = $1::regnamespace and proname like '\\_next\\_' || $2 || '%'
     union all select tgname::text from pg_trigger where tgrelid = $3::regclass and tgname = 'velocity_migrate'`,
    [pgNamespace, `${name.replaceAll('-', '_')}_v1`, tableOf(name)],
  );

describe('a table on its way to partitions', () => {
  it('gets there however often its worker is killed', async () => {
    const first = await plane.startWorker();
    await serve('killed');
    const before = await states('killed');
    await first.kill('SIGTERM');
    await plane.store.apply([tenant.schema('killed', partitioned)]);
    for (const [activity, moment] of [
      ['applySchemaSteps', 'after'],
      ['backfillRecords', 'after'],
      ['activateRevision', 'after'],
    ] as const) {
      expect(await plane.runCrashingWorker({ activity, moment })).toBe('SIGKILL');
      // Between two workers nobody copies anything but the writes themselves.
      await rows(`insert into ${tableOf('killed')} (day, note) values ('2025-01-01', 'between')`);
      await rows(`update ${tableOf('killed')} set day = '2031-01-01' where note = 'between'`);
    }
    const last = await plane.startWorker();
    const served = (await plane.until(
      schemaKey('killed'),
      (found) => ready(found) && found?.status?.observedGeneration === 2,
    )) as SchemaDefinition;
    expect(served.status).toMatchObject({ activeRevision: 2 });
    await last.kill('SIGTERM');
    expect(await rows(`select pg_get_partkeydef($1::regclass)`, [tableOf('killed')])).toEqual([
      'RANGE (day)',
    ]);
    const old = await rows(
      `select to_jsonb(t)::text from ${tableOf('killed')} t where note is distinct from 'between' order by id`,
    );
    expect(old).toEqual(before);
    const between = `select count(*), min(day)::text, max(version) from ${tableOf('killed')} where note = 'between'`;
    expect(await rows(between)).toEqual([['3', '2031-01-01', '4']]);
    expect(await leftovers('killed')).toEqual([]);
  });

  it('is as it was when the change is cancelled half-way', async () => {
    const worker = await plane.startWorker();
    await serve('cancelled');
    const before = await states('cancelled');
    const blocker = new pg.Client(plane.superuserUrl);
    await blocker.connect();
    try {
      // The last records cannot be locked, so the copy stops before them.
      await blocker.query(
        `begin; select from ${tableOf('cancelled')} where id = (select max(id::text)::uuid from ${tableOf('cancelled')}) for update`,
      );
      await plane.store.apply([tenant.schema('cancelled', partitioned)]);
      const copied = async () =>
        (await rows(`select to_regclass($1)::text`, [`${pgNamespace}._next_cancelled_v1`]))[0] !==
          null &&
        Number((await rows(`select count(*) from ${pgNamespace}._next_cancelled_v1`))[0]) > 0;
      await expect.poll(copied, { timeout: 30_000 }).toBe(true);
      await rows(`update ${tableOf('cancelled')} set note = 'meanwhile' where note = '11'`);
      const handle = plane.temporal.workflow.getHandle(reconcileWorkflowId(schemaKey('cancelled')));
      await handle.cancel();
      await blocker.query('rollback');
      await expect
        .poll(async () => (await handle.describe()).status.name, { timeout: 30_000 })
        .toBe('CANCELLED');
    } finally {
      await blocker.end();
    }
    expect(await leftovers('cancelled')).toEqual([]);
    const found = await plane.store.find(schemaKey('cancelled'));
    expect(found?.status).toMatchObject({ phase: 'Failed', activeRevision: 1 });
    expect(found && findCondition(found, 'Ready')?.reason).toBe('MigrationCancelled');
    const after = await states('cancelled');
    const changed = after.filter((state) => !before.includes(state));
    expect(after).toHaveLength(seedCount);
    expect(changed).toHaveLength(1);
    await rows(`insert into ${tableOf('cancelled')} (day) values ('2030-01-01')`);
    await worker.kill('SIGTERM');
  });
});
