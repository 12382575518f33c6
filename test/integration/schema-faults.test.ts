import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Kind, Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

/** What may happen to a change of a schema on its way, over a real worker. */

let plane: ControlPlane;
let blocker: pg.Client;
const tenant = testTenant(uniqueName('acme'));
const pgNamespace = tenant.namespace.replaceAll('-', '_');
const withinMs = 60_000;

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  await plane.store.apply(tenant.base);
  await plane.until(keyOf('Domain', 'sales'), ready, withinMs);
  blocker = new pg.Client(plane.superuserUrl);
  await blocker.connect();
});

afterAll(async () => {
  await blocker?.end();
  await plane?.stop();
});

const keyOf = (kind: Kind, name: string): ResourceKey => ({
  ...{ kind, namespace: tenant.namespace, name },
});
const until = (name: string, wanted: (found: Resource | undefined) => boolean) =>
  plane.until(keyOf('SchemaDefinition', name), wanted, withinMs) as Promise<SchemaDefinition>;
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

async function rows<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await plane.pool.query<Row>({ text, values })).rows;
}

const title = { name: 'title', type: 'string' };

async function serve(name: string): Promise<string> {
  await plane.store.apply([tenant.schema(name, { fields: [title] })]);
  await until(name, ready);
  const table = `${pgNamespace}.${name}_v1`;
  await rows(`insert into ${table} (title) select n from generate_series(1, 100) n`);
  return table;
}

it('a concurrent index that fails is dropped and built again (guarantee 26)', async () => {
  const table = await serve('indexed');
  const indexes = () =>
    rows<{ name: string; valid: boolean; oid: string }>(
      `select c.relname as name, x.indisvalid as valid, c.oid::text as oid
         from pg_index x join pg_class c on c.oid = x.indexrelid
        where x.indrelid = $1::regclass and c.relname like '%title%'`,
      [table],
    );
  // A writer that is not done keeps the build waiting, with the index there and not valid.
  await blocker.query(`begin; update ${table} set title = title where title = '1'`);
  await plane.store.apply([tenant.schema('indexed', { fields: [{ ...title, filterable: true }] })]);
  await expect.poll(indexes, { timeout: withinMs }).toMatchObject([{ valid: false }]);
  const [halfBuilt] = await indexes();
  const { rowCount } = await blocker.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'create index concurrently%'`,
  );
  expect(rowCount).toBe(1);
  await sleep(300);
  await blocker.query('rollback');
  const phases = new Set<unknown>();
  await until('indexed', (found) => {
    phases.add(found?.status?.phase);
    return ready(found);
  });
  // The same activity did it: giving the whole change up and beginning again is another thing.
  expect([...phases]).not.toContain('Failed');
  const built = await indexes();
  expect(built).toMatchObject([{ name: 'indexed_v1_title_idx', valid: true }]);
  expect(built[0]?.oid).not.toBe(halfBuilt?.oid);
});

it('DDL behind a long reader steps back: readers and writers pass (guarantee 25)', async () => {
  const table = await serve('read');
  const waitsMs: number[] = [];
  const ddlWaits = async () =>
    (
      await blocker.query(
        `select from pg_locks where relation = $1::regclass and not granted and mode = 'AccessExclusiveLock'`,
        [table],
      )
    ).rowCount ?? 0;
  let ddlSeen = 0;
  await blocker.query(`begin; select from ${table}`);
  await plane.store.apply([
    tenant.schema('read', { fields: [title, { name: 'due', type: 'date' }] }),
  ]);
  for (const end = performance.now() + 4_000; performance.now() < end; ) {
    const startedAt = performance.now();
    await rows(`select title from ${table} limit 1`);
    await rows(`insert into ${table} (title) values ('meanwhile')`);
    waitsMs.push(performance.now() - startedAt);
    if ((await ddlWaits()) > 0) ddlSeen += 1;
    await sleep(10);
  }
  expect((await plane.store.find(keyOf('SchemaDefinition', 'read')))?.status).toMatchObject({
    activeRevision: 1,
  });
  await blocker.query('rollback');
  await until('read', ready);
  // It came more than once, and each time nobody waited for longer than it was allowed to.
  expect(ddlSeen + waitsMs.filter((ms) => ms > 100).length).toBeGreaterThan(1);
  expect(Math.max(...waitsMs)).toBeLessThan(1_500);
  expect(waitsMs.filter((ms) => ms < 100).length).toBeGreaterThan(10);
}, 90_000);
