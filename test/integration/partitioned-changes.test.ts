import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { abandonSchemaChange } from '../../src/activities/abandon-schema-change.ts';
import { applySchemaSteps } from '../../src/activities/apply-schema-steps.ts';
import { planSchemaChange } from '../../src/activities/plan-schema-change.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import type { Trail } from './records/trail.ts';
import { connect, trailOf, trailProblems } from './records/trail.ts';
import type { LockWatch } from './schema/lock-watch.ts';
import { watchLocks } from './schema/lock-watch.ts';
import { catalogueOf } from './schema/own-catalogue.ts';
import type { Traffic } from './schema/traffic.ts';
import { startTraffic } from './schema/traffic.ts';

/** A partitioned table changes like any other: beside the traffic, partition by partition. */

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let looker: pg.Client;
let path: string;
let trail: Trail;
let traffic: Traffic;
let locks: LockWatch;

const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
const fields = new Map<string, Record<string, unknown>>();
let spec: Record<string, unknown> = {
  partitioning: { enabled: true, field: 'due', strategy: 'range', interval: 'monthly' },
};

async function provide(object: string) {
  const list = [...fields].map(([name, field]) => ({ name, ...field }));
  await api.provide(api.tenant.schema(object, { fields: list, spec: { ...writer, ...spec } }));
  const { namespace } = api.tenant;
  const found = await api.deps.resources.find({
    ...{ kind: 'SchemaDefinition', namespace, name: object },
  });
  return found?.status;
}

async function change(
  over: Record<string, Record<string, unknown> | undefined>,
  more: Record<string, unknown> = {},
): Promise<void> {
  for (const [name, field] of Object.entries(over)) {
    if (field === undefined) fields.delete(name);
    else fields.set(name, field);
  }
  spec = { ...spec, ...more };
  const status = await provide('leg');
  expect(status?.phase, JSON.stringify(status?.conditions)).toBe('Ready');
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[]> {
  const result = await superuser.query({ text, values, rowMode: 'array' });
  return result.rows.map((row: unknown[]) => (row.length === 1 ? row[0] : row));
}

/** Parts of partitions that are not, or not properly, parts of the table's. */
const looseParts = (): Promise<unknown[]> =>
  rows(
    `select x.indexrelid::regclass::text
       from pg_inherits h join pg_index x on x.indrelid = h.inhrelid
      where h.inhparent = $1::regclass
        and (not x.indisvalid or not exists (select from pg_inherits i where i.inhrelid = x.indexrelid))
     union all
     select c.conname::text from pg_inherits h join pg_constraint c on c.conrelid = h.inhrelid
      where h.inhparent = $1::regclass and (not c.convalidated or c.contype = 'f' and c.conparentid = 0)
     union all
     select relname::text from pg_class where relnamespace = $2::regnamespace and starts_with(relname, '_next')`,
    [trail.table, trail.namespace],
  );

beforeAll(async () => {
  api = await openTestApi();
  fields.set('title', { type: 'string', required: true, filterable: true });
  fields.set('due', { type: 'date', required: true, default: '2026-02-28', filterable: true });
  fields.set('slot', { type: 'integer' });
  fields.set('carrier', { type: 'uuid' });
  await api.provide(api.tenant.schema('carrier', { spec: writer }));
  await provide('leg');
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  looker = await connect(api.database.superuserUrl);
  path = api.path('leg');
  trail = trailOf(api, 'leg');
  const made = await send('POST', api.path('carrier'), { body: { title: 'Fast' } });
  await superuser.query(
    `insert into ${trail.table} (title, due, slot, carrier)
     select 'seed ' || n, date '2025-12-01' + n % 300, n, $1 from generate_series(1, 4500) n`,
    [made.json().data.id],
  );
  traffic = startTraffic(send, path);
  locks = watchLocks(looker, trail.namespace);
});

afterAll(async () => {
  await traffic?.stop();
  await locks?.stop();
  await superuser?.end();
  await looker?.end();
  await api?.close();
});

describe('a partitioned table changes under traffic', () => {
  it('gains fields, with an index on every partition, those made meanwhile too', async () => {
    await change({
      colour: { type: 'string', filterable: true },
      rank: { type: 'integer', required: true, default: 3, max: 5, sortable: true },
    });
    expect(await looseParts()).toEqual([]);
    const partitions = await rows(
      `select count(*)::integer from pg_inherits where inhparent = $1::regclass`,
      [trail.table],
    );
    // The activation found rows in the default partition and made their months.
    expect(partitions[0]).toBeGreaterThan(9);
    const parts = await rows(
      `select count(*)::integer from pg_inherits where inhparent = $1::regclass`,
      [`${trail.table}_rank_idx`],
    );
    expect(parts).toEqual(partitions);
  });

  it('fills a field of another type, batch by batch', async () => {
    await change({ slot: { type: 'decimal', precision: 12, scale: 2, filterable: true } });
    expect(await rows(`select sum(slot)::text from ${trail.table}`)).toEqual(['10127250.00']);
    expect(await looseParts()).toEqual([]);
  });

  it('renames the very field that divides it', async () => {
    const { due, ...others } = Object.fromEntries(fields);
    fields.clear();
    await change(
      { ...others, deadline: { ...due, renamedFrom: 'due' } },
      {
        partitioning: {
          enabled: true,
          field: 'deadline',
          strategy: 'range',
          interval: 'quarterly',
        },
      },
    );
    const key = `select pg_get_partkeydef($1::regclass)`;
    expect(await rows(key, [trail.table])).toEqual(['RANGE (deadline)']);
  });

  it('refers to others, and keeps values unique within the field', async () => {
    await change(
      { carrier: { type: 'ref', ref: api.tenant.reference('carrier') } },
      { indexes: [{ fields: [{ name: 'deadline' }, { name: 'slot' }], unique: true }] },
    );
    expect(await looseParts()).toEqual([]);
    const [one] = await rows(`select slot from ${trail.table} where slot = 300 limit 1`);
    const [taken] = await rows(`select deadline::text from ${trail.table} where slot = 300`);
    const again = await send('POST', path, {
      body: { title: 'x', deadline: taken, slot: String(one) },
    });
    expect(again.json()).toMatchObject({ details: { fields: ['deadline', 'slot'] } });
    const nobody = await send('POST', path, {
      body: { title: 'x', carrier: '01900000-0000-7000-8000-000000000000' },
    });
    expect(nobody.json()).toMatchObject({
      ...{ code: 'REFERENCE_CONFLICT', details: { fields: ['carrier'] } },
    });
  });

  it('is left as it was by a change that is given up, on every partition', async () => {
    const before = await catalogueOf(api, 'leg');
    const list = [...fields].map(([name, field]) => ({ name, ...field }));
    const more = [
      { name: 'second', type: 'ref', ref: api.tenant.reference('carrier') },
      { name: 'note', type: 'string', filterable: true },
    ];
    const wanted = { fields: [...list, ...more], spec: { ...writer, ...spec } };
    await api.deps.resources.apply([api.tenant.schema('leg', wanted)]);
    const { namespace } = api.tenant;
    const ref = { kind: 'SchemaDefinition', namespace, name: 'leg' } as const;
    const planned = await planSchemaChange(api.activities, ref);
    expect(planned.next, JSON.stringify(planned)).toBe('apply');
    if (planned.next !== 'apply') return;
    const { planHash, batches } = planned;
    for (const { names: batch } of batches) {
      await applySchemaSteps(api.activities, { ref, planHash, batch });
    }
    // And what a worker leaves that dies between two partitions.
    const [partition] = await rows(
      `select inhrelid::regclass::text from pg_inherits where inhparent = $1::regclass order by 1`,
      [trail.table],
    );
    await api.operator.query({
      text: `create index _next_half on ${partition} (_next_note);
        alter table ${partition} add constraint _next_half_fkey foreign key (_next_second)
          references ${trail.namespace}.carrier_v1 (id) not valid`,
    });
    expect(await looseParts()).not.toEqual([]);
    const given = { reason: 'MigrationCancelled', message: 'given up' } as const;
    await abandonSchemaChange(api.activities, { ref, planHash, ...given });
    expect(await looseParts()).toEqual([]);
    expect(await catalogueOf(api, 'leg')).toEqual(before);
    await change({});
  });

  it('looks like one that was made so, and has lost nothing', async () => {
    await traffic.stop();
    await locks.stop();
    expect(traffic.failures).toEqual([]);
    expect(locks.longestMs(), locks.longest()).toBeLessThan(500);
    // A backfill gives values that history has under the fields of their time.
    const problems = (await trailProblems(superuser, trail)).filter(
      (problem) => !problem.endsWith('last version in history differs from the row'),
    );
    expect(problems).toEqual([]);
    await provide('fresh');
    expect(await catalogueOf(api, 'leg')).toEqual(await catalogueOf(api, 'fresh'));
  });
});
