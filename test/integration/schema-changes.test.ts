import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import { connect, trailOf } from './records/trail.ts';
import type { LockWatch } from './schema/lock-watch.ts';
import { watchLocks } from './schema/lock-watch.ts';
import type { Traffic } from './schema/traffic.ts';
import { startTraffic } from './schema/traffic.ts';

/**
 * One table, twenty changes one after the other, while requests go on. `seeds` is the reference: what
 * each record must say after each change.
 */

type Seed = Record<string, unknown> & { readonly id: string };

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let looker: pg.Client;
let path: string;
let traffic: Traffic;
let locks: LockWatch;
let seeds: Seed[];
const seedCount = 4_500;

const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
const fields = new Map<string, Record<string, unknown>>();

/** The schema with these fields otherwise; undefined takes one away. */
async function change(over: Record<string, Record<string, unknown> | undefined>, spec = {}) {
  for (const [name, field] of Object.entries(over)) {
    if (field === undefined) fields.delete(name);
    else fields.set(name, { name, ...field });
  }
  const schema = { fields: [...fields.values()], spec: { ...writer, ...spec } };
  await api.provide(api.tenant.schema('item', schema));
  const found = await api.deps.resources.find({
    ...{ kind: 'SchemaDefinition', namespace: api.tenant.namespace, name: 'item' },
  });
  expect(found?.status?.phase, JSON.stringify(found?.status?.conditions)).toBe('Ready');
}

/** Every seed as the API answers it, without what is no field. */
async function expectSeeds(): Promise<void> {
  const sample = seeds.filter((_, n) => n % 500 === 0);
  for (const seed of sample) {
    const { data } = (await send('GET', `${path}/${seed.id}`)).json();
    expect(data).toMatchObject(seed);
    expect(data.version).toBe(1);
    expect(Object.keys(data).sort()).toEqual(
      [
        ...Object.keys(seed),
        'version',
        'created_at',
        'created_by',
        'updated_at',
        'updated_by',
      ].sort(),
    );
  }
}

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('maker', {
      fields: [{ name: 'code', type: 'string', unique: true }],
      spec: writer,
    }),
  );
  fields.set('title', { name: 'title', type: 'string', required: true, filterable: true });
  fields.set('quantity', { name: 'quantity', type: 'integer', min: 0, max: 100_000 });
  fields.set('size', { name: 'size', type: 'string', filterable: true });
  fields.set('status', { name: 'status', type: 'enum', enumValues: ['open', 'closed'] });
  fields.set('due', { name: 'due', type: 'date' });
  fields.set('note', { name: 'note', type: 'string', maxLength: 20 });
  await api.provide(api.tenant.schema('item', { fields: [...fields.values()], spec: writer }));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  looker = await connect(api.database.superuserUrl);
  path = api.path('item');
  const rows = Array.from({ length: seedCount }, (_, n) => ({
    title: `seed ${n}`,
    quantity: n,
    size: String(n),
    status: n % 2 === 0 ? 'open' : 'closed',
    due: '2026-02-28',
    note: n % 3 === 0 ? null : `note ${n}`,
  }));
  const bulk = await send('POST', `${path}/bulk`, {
    body: rows.map((record) => ({ op: 'create', record })),
  });
  expect(bulk.statusCode, bulk.body.slice(0, 300)).toBe(200);
  const ids = bulk.json().data.map((row: { id: string }) => row.id);
  seeds = rows.map((row, n) => ({ id: ids[n], ...row }));
  traffic = startTraffic(send, path);
  locks = watchLocks(looker, api.tenant.namespace.replaceAll('-', '_'));
});

afterAll(async () => {
  await traffic?.stop();
  await locks?.stop();
  await superuser?.end();
  await looker?.end();
  await api?.close();
});

describe('a schema changes while it serves', () => {
  it('gains fields: optional, indexed, and required with a default', async () => {
    await change({
      colour: { type: 'string', filterable: true },
      priority: { type: 'integer', required: true, default: 3, min: 1, max: 5, sortable: true },
    });
    for (const seed of seeds) Object.assign(seed, { colour: null, priority: 3 });
    await expectSeeds();
  });

  it('renames a field, index and all', async () => {
    const { name: _, ...size } = fields.get('size')!;
    await change({ size: undefined, length: { ...size, renamedFrom: 'size' } });
    for (const seed of seeds) {
      seed['length'] = seed['size'];
      delete seed['size'];
    }
    await expectSeeds();
    const found = await send('GET', `${path}?filter[length]=7`);
    expect(found.json().data).toHaveLength(1);
  });

  it('renames again and again, while another field takes the name that became free', async () => {
    await change({ note: undefined, a: { type: 'string', renamedFrom: 'note', filterable: true } });
    await change({ note: { type: 'string', default: 'new' } });
    for (const seed of seeds) {
      seed['a'] = seed['note'];
      seed['note'] = 'new';
    }
    await expectSeeds();
    await change({ note: undefined });
    for (const seed of seeds) delete seed['note'];
    await expectSeeds();
  });

  it('widens an integer to a decimal, and that to a string', async () => {
    await change({ quantity: { type: 'decimal', precision: 30, scale: 2, filterable: true } });
    for (const seed of seeds) seed['quantity'] = `${String(seed['quantity'])}.00`;
    await expectSeeds();
    await change({ quantity: { type: 'string', unique: true } });
    await expectSeeds();
  });

  it('narrows a string to an integer where every value is one', async () => {
    await change({ length: { type: 'integer', min: 0, required: true, default: 0 } });
    for (const seed of seeds) seed['length'] = Number(seed['length']);
    await expectSeeds();
  });

  it('makes a date a datetime', async () => {
    await change({ due: { type: 'datetime', sortable: true } });
    for (const seed of seeds) seed['due'] = '2026-02-28T00:00:00+00:00';
    await expectSeeds();
  });

  it('takes a value more into an enum, and one out that nobody uses', async () => {
    await change({ status: { type: 'enum', enumValues: ['open', 'closed', 'held', 'lost'] } });
    await change({ status: { type: 'enum', enumValues: ['open', 'closed', 'held'] } });
    await expectSeeds();
  });

  it('requires a value, filling in the default, and lets it be left out again', async () => {
    await change({ a: { type: 'string', required: true, default: 'none', maxLength: 30 } });
    for (const seed of seeds) seed['a'] ??= 'none';
    await expectSeeds();
    await change({ a: { type: 'string', maxLength: 40 } });
    await expectSeeds();
  });

  it('keeps a field unique, and no longer', async () => {
    await change({ code: { type: 'string', unique: true } });
    for (const seed of seeds) seed['code'] = null;
    await change({ code: { type: 'string' } });
    await expectSeeds();
  });

  it('refers to another schema, and does otherwise on its delete', async () => {
    const ref = (onDelete: string) => api.tenant.reference('maker', { onDelete });
    await change({ maker: { type: 'ref', ref: ref('restrict') } });
    for (const seed of seeds) seed['maker'] = null;
    await change({ maker: { type: 'ref', ref: ref('setNull') } });
    await expectSeeds();
    const { rows } = await superuser.query(
      `select on_delete from platform.schema_references where source_table = 'item_v1'`,
    );
    expect(rows).toEqual([{ on_delete: 'setNull' }]);
  });

  it('gains composite indexes and drops them', async () => {
    const indexes = [{ fields: [{ name: 'status' }, { name: 'priority', direction: 'desc' }] }];
    await change({}, { indexes });
    await change({}, {});
    await expectSeeds();
  });

  it('answers a bulk that the change kept waiting by the new revision', async () => {
    const waiting = async (count: number): Promise<void> => {
      for (let tries = 0; tries < 400; tries++) {
        const { rows } = await superuser.query(
          `select count(*)::integer as n from pg_locks l join pg_class c on c.oid = l.relation
            where c.relname = 'item_v1' and not l.granted and l.pid <> pg_backend_pid()`,
        );
        if (rows[0].n >= count) return;
        await sleep(2);
      }
      throw new Error('nobody waits for the table');
    };
    await traffic.stop();
    await superuser.query('begin');
    await superuser.query(`lock table ${trailOf(api, 'item').table} in access share mode`);
    const { name: _, ...maker } = fields.get('maker')!;
    const changing = change({ maker: undefined, brand: { ...maker, renamedFrom: 'maker' } });
    await waiting(1);
    const record = { title: 'bulk meanwhile' };
    const sent = send('POST', `${path}/bulk`, { body: [{ op: 'create', record }] });
    await waiting(2);
    await superuser.query('commit');
    const [answer] = await Promise.all([sent, changing]);
    expect(answer.statusCode, answer.body).toBe(200);
    for (const seed of seeds) {
      seed['brand'] = seed['maker'];
      delete seed['maker'];
    }
    await expectSeeds();
    traffic = startTraffic(send, path, traffic);
  });

  it('drops a field, whose values history keeps', async () => {
    await change({ length: undefined });
    const { rows } = await superuser.query(
      `select history_column from platform.history_columns where field = 'length' order by until_revision desc limit 1`,
    );
    const kept = await superuser.query(
      `select count(${rows[0].history_column})::integer as n from ${trailOf(api, 'item').history} where title like 'traffic%'`,
    );
    expect(kept.rows[0].n).toBeGreaterThan(0);
    for (const seed of seeds) delete seed['length'];
    await expectSeeds();
  });

  it('without one failed request, and no lock that anybody would notice', async () => {
    await traffic.stop();
    expect(traffic.failures.slice(0, 3)).toEqual([]);
    expect(traffic.requests()).toBeGreaterThan(200);
    expect(locks.longestMs()).toBeLessThan(500);
    console.info(
      `${traffic.requests()} requests, longest lock ${Math.round(locks.longestMs())} ms`,
    );
  });

  it('without a version of a record that nobody wrote, and one audit entry a batch', async () => {
    const { history, table } = trailOf(api, 'item');
    const { rows } = await superuser.query(
      `select count(*)::integer as n from ${table} t
        where (select count(*) from ${history} h where h.id = t.id) <> t.version`,
    );
    expect(rows[0].n).toBe(0);
    const batches = await superuser.query(
      `select count(*)::integer as n, min((payload ->> 'records')::integer) as least,
              count(*) filter (where length(payload ->> 'digest') = 64 and length(payload ->> 'plan') = 64)::integer as whole
         from platform.audit_log where operation = 'backfill'`,
    );
    expect(batches.rows[0].n).toBeGreaterThanOrEqual(9);
    expect(batches.rows[0].whole).toBe(batches.rows[0].n);
    expect(batches.rows[0].least).toBeGreaterThan(0);
  });

  it('leaves nothing behind of what it prepared', async () => {
    const namespace = api.tenant.namespace.replaceAll('-', '_');
    const { rows } = await superuser.query(
      `select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and relname like '\\_next%'
       union all select conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace
        where n.nspname = $1 and conname like '\\_next%'
       union all select attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and attname like '\\_next%' and c.relkind = 'r'
       union all select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = $1 and proname like '\\_next%'
       union all select tgname from pg_trigger where tgname = 'velocity_migrate'`,
      [namespace],
    );
    expect(rows).toEqual([]);
  });
});
