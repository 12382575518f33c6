import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import type { Trail } from './records/trail.ts';
import { connect, trailOf, trailProblems } from './records/trail.ts';
import type { LockWatch } from './schema/lock-watch.ts';
import { watchLocks } from './schema/lock-watch.ts';
import type { Movers } from './schema/movers.ts';
import { startMovers } from './schema/movers.ts';
import { catalogueOf } from './schema/own-catalogue.ts';
import type { Traffic } from './schema/traffic.ts';
import { startTraffic } from './schema/traffic.ts';

/**
 * A table with records becomes partitioned while requests go on, becomes otherwise partitioned, and
 * one table again: records, versions and history are to be as they were, byte for byte.
 */

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let looker: pg.Client;
let path: string;
let trail: Trail;
let customer: string;
let traffic: Traffic;
let movers: Movers;
let locks: LockWatch;

const seedCount = Number(process.env['PARTITION_ROWS'] ?? 6_000);
const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
/** What traffic leaves out has these values. */
const fields = (): object[] => [
  { name: 'title', type: 'string', required: true, filterable: true },
  { name: 'due', type: 'date', required: true, default: '2026-02-28', filterable: true },
  {
    ...{ name: 'status', type: 'enum', enumValues: ['open', 'closed'], default: 'open' },
    required: true,
  },
  { name: 'amount', type: 'decimal', precision: 12, scale: 2 },
  { name: 'place', type: 'geopoint' },
  { name: 'customer', type: 'ref', ref: api.tenant.reference('customer', { onDelete: 'cascade' }) },
];
const by = (field: string, strategy: string, interval = 'monthly') => ({
  partitioning: { enabled: true, field, strategy, interval },
});

async function change(spec: object, name = 'parcel'): Promise<void> {
  const schema = api.tenant.schema(name, { fields: fields(), spec: { ...writer, ...spec } });
  await api.provide(schema);
}

async function statusOf(name: string) {
  const { namespace } = api.tenant;
  return (await api.deps.resources.find({ kind: 'SchemaDefinition', namespace, name }))?.status;
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[]> {
  const result = await superuser.query({ text, values, rowMode: 'array' });
  return result.rows.map((row: unknown[]) => (row.length === 1 ? row[0] : row));
}

/** Every seed as the table has it, members by name. */
const seedStates = (): Promise<unknown[]> =>
  rows(`select to_jsonb(t)::text from ${trail.table} t where title like 'seed %' order by id`);

const partitionKey = async (): Promise<unknown> =>
  (await rows(`select pg_get_partkeydef($1::regclass)`, [trail.table]))[0];

/** Partitions that hold seeds. */
const filled = (): Promise<unknown[]> =>
  rows(
    `select distinct replace(tableoid::regclass::text, $1, '') from ${trail.table} where title like 'seed %' order by 1`,
    [trail.table],
  );

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(api.tenant.schema('customer', { spec: writer }));
  await change({});
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  looker = await connect(api.database.superuserUrl);
  path = api.path('parcel');
  trail = trailOf(api, 'parcel');
  const made = await send('POST', api.path('customer'), { body: { title: 'Acme' } });
  customer = made.json().data.id;
  await superuser.query(
    `insert into ${trail.table} (title, due, status, amount, place, customer)
     select 'seed ' || n, date '2025-11-01' + n % 400, case when n % 3 = 0 then 'closed' else 'open' end,
            n / 100.0, point(n % 180, n % 90), $1 from generate_series(1, $2::integer) n`,
    [customer, seedCount],
  );
  await superuser.query(`update ${trail.table} set amount = amount + 1 where title like 'seed %7'`);
  traffic = startTraffic(send, path);
  movers = await startMovers(send, path, { owner: api.operator, table: trail.table });
  locks = watchLocks(looker, trail.namespace);
});

afterAll(async () => {
  await traffic?.stop();
  await movers?.stop();
  await locks?.stop();
  await superuser?.end();
  await looker?.end();
  await api?.close();
});

describe('a table with records, under traffic', () => {
  it.each([
    ['by month', by('due', 'range'), 'RANGE (due)', 14],
    ['by value', by('status', 'list'), 'LIST (status)', 2],
    ['by hash of its id', by('id', 'hash'), 'HASH (id)', 8],
    ['by the year of its creation', by('created_at', 'range', 'yearly'), 'RANGE (created_at)', 1],
    ['no more', { partitioning: { ...by('due', 'range').partitioning, enabled: false } }, null, 1],
  ])('is partitioned %s', async (_name, spec, key, partitions) => {
    const before = await seedStates();
    await change(spec);
    const status = await statusOf('parcel');
    expect(status?.phase, JSON.stringify(status?.conditions)).toBe('Ready');
    expect(await partitionKey()).toBe(key);
    expect(await filled()).toHaveLength(partitions);
    expect(await seedStates()).toEqual(before);
    expect([...traffic.failures, ...movers.failures]).toEqual([]);
    const { rows: ids } = await superuser.query(`select to_regclass($1) as ids`, [
      `${trail.table}_ids`,
    ]);
    expect(ids[0].ids !== null).toBe(/RANGE|LIST/.test(key ?? ''));
    if (ids[0].ids !== null) {
      const strange = `select from ${trail.table} t full join ${trail.table}_ids i using (id) where t.version is null or i.tableoid is null`;
      expect(await rows(strange)).toEqual([]);
    }
    // As if it had been made so.
    const name = `fresh-${String(key)
      .toLowerCase()
      .replaceAll(/[^a-z]/g, '')}`;
    await change(spec, name);
    expect(await catalogueOf(api, 'parcel')).toEqual(await catalogueOf(api, name));
  });

  it('has lost nothing, and held nobody up', async () => {
    await traffic.stop();
    await movers.stop();
    await locks.stop();
    expect([...traffic.failures, ...movers.failures]).toEqual([]);
    expect(traffic.requests()).toBeGreaterThan(50);
    expect(locks.longestMs(), locks.longest()).toBeLessThan(500);
    expect(await trailProblems(superuser, trail)).toEqual([]);
    const moved = await rows(
      `select id, due::text, version::integer, deleted_at is not null from ${trail.table} where title = 'mover' order by id`,
    );
    const expected = [...movers.expected].map(([id, { due, version, deleted }]) => [
      ...[id, due, version, deleted],
    ]);
    expect(moved).toEqual(expected.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
    expect(movers.writes()).toBeGreaterThan(100);
    const audited = await rows(
      `select distinct operation from platform.audit_log where path = $1 order by 1`,
      [trail.path],
    );
    expect(audited).toEqual(['backfill', 'create', 'delete', 'purge', 'update']);
    const copied = await rows(
      `select sum((payload ->> 'records')::integer) >= $2 from platform.audit_log where path = $1 and operation = 'backfill'`,
      [trail.path, seedCount * 5],
    );
    expect(copied).toEqual([true]);
  });
});
