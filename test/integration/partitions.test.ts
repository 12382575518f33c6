import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planSchemaRetirement } from '../../src/schema/plan-domain.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import type { Trail } from './records/trail.ts';
import { connect, trailOf, trailProblems, versionsOf } from './records/trail.ts';
import { runPromotion } from './versions/run-promotion.ts';

/** Tables that are partitioned from their first day on: everything that a plain one does. */

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let path: string;
let trail: Trail;
let customer: string;

const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
const due = { name: 'due', type: 'date', required: true, filterable: true };
const fields = (): object[] => [
  { name: 'title', type: 'string', required: true, filterable: true },
  due,
  { name: 'status', type: 'enum', enumValues: ['open', 'closed'], default: 'open' },
  { name: 'slot', type: 'integer', min: 0 },
  { name: 'customer', type: 'ref', ref: api.tenant.reference('customer', { onDelete: 'cascade' }) },
];
const byMonth = { enabled: true, field: 'due', strategy: 'range', interval: 'monthly' };
const slots = [{ fields: [{ name: 'due' }, { name: 'slot' }], unique: true }];

/** The first of a month, counted from this one. */
function month(ahead: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1))
    .toISOString()
    .slice(0, 10);
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[]> {
  const result = await superuser.query({ text, values, rowMode: 'array' });
  return result.rows.map((row: unknown[]) => (row.length === 1 ? row[0] : row));
}

/** Name of the partition that holds a record, without what all of them begin with. */
async function partitionOf(id: string): Promise<unknown> {
  const text = `select replace(tableoid::regclass::text, $2, '') from ${trail.table} where id = $1`;
  return (await rows(text, [id, trail.table]))[0];
}

async function create(over: object): Promise<{ id: string; version: number }> {
  const answer = await send('POST', path, { body: { title: 'one', due: month(0), ...over } });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data;
}

const label = (ahead: number): string => `_p${month(ahead).slice(0, 7).replace('-', '')}`;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('customer', { spec: writer }),
    api.tenant.schema('shipment', {
      fields: fields(),
      spec: { ...writer, partitioning: byMonth, indexes: slots },
    }),
  );
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  path = api.path('shipment');
  trail = trailOf(api, 'shipment');
  const made = await send('POST', api.path('customer'), { body: { title: 'Acme' } });
  customer = made.json().data.id;
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

describe('a partitioned schema', () => {
  it('has a partition for this month, two ahead, and one for all others', async () => {
    const partitions = await rows(
      `select replace(inhrelid::regclass::text, $1, '') from pg_inherits where inhparent = $1::regclass order by 1`,
      [trail.table],
    );
    expect(partitions).toEqual(['_default', label(0), label(1), label(2)]);
  });

  it('keeps every record, whatever its date, and finds it by its id', async () => {
    for (const [date, partition] of [
      [month(0), label(0)],
      [month(2), label(2)],
      ['1969-07-20', '_default'],
      ['2999-01-01', '_default'],
    ] as const) {
      const { id } = await create({ due: date, customer });
      expect(await partitionOf(id)).toBe(partition);
      const found = await send('GET', `${path}/${id}`);
      expect(found.json().data).toMatchObject({ id, due: date, version: 1, customer });
    }
  });

  it('moves a record whose date changes, and keeps its past', async () => {
    const { id } = await create({ due: month(0), slot: 1 });
    const moved = await send('PATCH', `${path}/${id}`, { body: { due: month(1), version: 1 } });
    expect(moved.json().data).toMatchObject({ id, due: month(1), version: 2, slot: 1 });
    expect(await partitionOf(id)).toBe(label(1));
    const back = await send('PATCH', `${path}/${id}`, { body: { due: month(0), version: 2 } });
    expect(back.json().data).toMatchObject({ id, due: month(0), version: 3 });
    expect(back.json().data.created_at).toBe(moved.json().data.created_at);
    const history = await versionsOf(superuser, trail, id);
    expect(history.map(({ version, operation }) => [version, operation])).toEqual([
      [1, 'create'],
      [2, 'update'],
      [3, 'update'],
    ]);
    expect((await send('DELETE', `${path}/${id}`, { body: { version: 3 } })).statusCode).toBe(204);
  });

  it('moves records from psql, raising their versions, and lets nobody claim a past', async () => {
    const { id } = await create({ due: month(0) });
    await superuser.query(`update ${trail.table} set due = $2 where id = $1`, [id, month(2)]);
    await superuser.query(`update ${trail.table} set due = $2 where id = $1`, [id, month(1)]);
    expect(await rows(`select version from ${trail.table} where id = $1`, [id])).toEqual(['3']);
    const forged = uuidv7();
    const insert = `insert into ${trail.table} (id, title, due, version) values ($1, 'forged', $2, 7)`;
    await superuser.query(insert, [forged, month(0)]);
    expect(await rows(`select version from ${trail.table} where id = $1`, [forged])).toEqual(['1']);
    // As the record's next version, in another partition: its id is taken.
    await expect(
      superuser.query(insert.replace(', 7)', ', 4)'), [id, month(0)]),
    ).rejects.toMatchObject({
      code: '23505',
    });
  });

  it('gives an id once, in whatever partition', async () => {
    const id = uuidv7();
    const put = (date: string, ifNone = {}) =>
      send('PUT', `${path}/${id}`, { body: { title: 'put', due: date }, ...ifNone });
    const answers = await Promise.all([put(month(0)), put(month(1)), put('1970-01-01')]);
    const codes = answers.map(({ statusCode }) => statusCode).sort();
    expect(codes[0], JSON.stringify(answers.map(({ body }) => body))).toBe(201);
    expect(codes.slice(1).every((code) => code === 409 || code === 428)).toBe(true);
    expect(await rows(`select count(*) from ${trail.table} where id = $1`, [id])).toEqual(['1']);
    const twice = `insert into ${trail.table} (id, title, due) values ($1, 'again', '1971-01-01')`;
    await expect(superuser.query(twice, [id])).rejects.toMatchObject({ code: '23505' });
  });

  it('names the fields of a unique index, whichever partition refused', async () => {
    await create({ due: month(1), slot: 9 });
    const refused = await send('POST', path, { body: { title: 'b', due: month(1), slot: 9 } });
    expect(refused.statusCode).toBe(409);
    expect(refused.json()).toMatchObject({
      code: 'UNIQUE_CONSTRAINT_VIOLATION',
      details: { fields: ['due', 'slot'] },
    });
    const unknown = await send('POST', path, {
      body: { title: 'b', due: month(1), customer: uuidv7() },
    });
    expect(unknown.json()).toMatchObject({ code: 'REFERENCE_CONFLICT' });
  });

  it('takes bulks over many partitions, and cascades into them', async () => {
    const made = await send('POST', api.path('customer'), { body: { title: 'Short' } });
    const { id: owner, version } = made.json().data;
    const records = Array.from({ length: 300 }, (_, n) => ({
      ...{ title: `bulk ${n}`, due: month((n % 5) - 1), customer: owner },
    }));
    const bulk = await send('POST', `${path}/bulk`, {
      body: records.map((record) => ({ op: 'create', record })),
    });
    expect(bulk.statusCode, bulk.body.slice(0, 300)).toBe(200);
    const changes = bulk.json().data.map((row: { id: string }, n: number) => ({
      ...{ op: 'update', id: row.id, version: 1, record: { due: month((n % 3) - 1) } },
    }));
    const changed = await send('POST', `${path}/bulk`, { body: changes });
    expect(changed.statusCode, changed.body.slice(0, 300)).toBe(200);
    const gone = await send('DELETE', `${api.path('customer')}/${owner}`, { body: { version } });
    expect(gone.statusCode, gone.body).toBe(204);
    const text = `select count(*), count(deleted_at), min(version), max(version) from ${trail.table} where customer = $1`;
    expect(await rows(text, [owner])).toEqual([['300', '300', '3', '3']]);
  });

  it('asks only the partitions that a query can find something in', async () => {
    const plan = async (where: string): Promise<string> =>
      (await rows(`explain (costs off) select * from ${trail.table} where ${where}`)).join('\n');
    const one = await plan(`due >= '${month(1)}' and due < '${month(2)}'`);
    expect(one).toContain(label(1));
    expect(one).not.toMatch(new RegExp(`_default|${label(0)}|${label(2)}`));
    const found = await send('GET', `${path}?filter[due]=${month(1)}&limit=5`);
    expect(found.statusCode, found.body).toBe(200);
    expect(found.json().data.every((one: { due: string }) => one.due === month(1))).toBe(true);
  });

  it('is closed at its partitions: no rights, and no write even for a superuser', async () => {
    const partition = `${trail.table}${label(0)}`;
    for (const sql of [
      `insert into ${partition} (title, due) values ('by', '${month(0)}')`,
      `update ${partition} set title = 'by'`,
      `delete from ${partition}`,
      `truncate ${partition}`,
    ]) {
      await expect(superuser.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    }
    await superuser.query('begin');
    try {
      const role = `velocity_${api.tenant.namespace.replaceAll('-', '_')}`;
      await superuser.query(`set local role ${JSON.stringify(role)}`);
      await expect(superuser.query(`select from ${partition}`)).rejects.toMatchObject({
        code: '42501',
      });
    } finally {
      await superuser.query('rollback');
    }
  });

  it('gains the partition of rows that came before it, without a trace in their history', async () => {
    const place = `${trail.namespace}', 'shipment_v1`;
    const before = await rows(`select t::text from ${trail.table} t order by id`);
    await api.operator.query({
      text: `select platform.sync_partitions('${place}', 'shipment_v1', 'range', 'due', 1, '{}', null, 100)`,
    });
    expect(await rows(`select t::text from ${trail.table} t order by id`)).toEqual(before);
    expect(await rows(`select due::text from ${trail.table}_default`)).toEqual([]);
    expect(await rows(`select due::text from ${trail.table}_p196907`)).toEqual(['1969-07-20']);
  });

  it('lets nobody claim to have been made in another partition', async () => {
    const partitioning = { ...byMonth, field: 'created_at' };
    await api.provide(api.tenant.schema('event', { spec: { ...writer, partitioning } }));
    const { table } = trailOf(api, 'event');
    const made = await send('POST', api.path('event'), { body: { title: 'now' } });
    expect(made.statusCode, made.body).toBe(201);
    const past = `insert into ${table} (title, created_at) values ('then', '2001-01-01')`;
    await expect(superuser.query(past)).rejects.toMatchObject({ code: '0A000' });
    await superuser.query(`update ${table} set created_at = '2001-01-01'`);
    expect(await rows(`select version::integer, created_at::text > '2020' from ${table}`)).toEqual([
      [2, true],
    ]);
  });

  it('is looked up and upserted by the unique field that divides it', async () => {
    const code = { name: 'code', type: 'string', required: true, unique: true };
    const partitioning = { ...byMonth, field: 'code', strategy: 'hash' };
    const schema = { fields: [code, fields()[0] as object], spec: { ...writer, partitioning } };
    await api.provide(api.tenant.schema('part', schema));
    const upsert = (title: string) =>
      send('POST', `${api.path('part')}?onConflict=code`, { body: { code: 'a-1', title } });
    const answers = await Promise.all(['x', 'y', 'z'].map(upsert));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 200, 201]);
    const { table } = trailOf(api, 'part');
    expect(await rows(`select version::integer from ${table}`)).toEqual([3]);
    const taken = await send('POST', api.path('part'), { body: { code: 'a-1', title: 'w' } });
    expect(taken.json()).toMatchObject({ details: { fields: ['code'] } });
    expect(await trailProblems(superuser, trailOf(api, 'part'))).toEqual([]);
  });

  it('has a partition for each value of an enum, and for one that is added', async () => {
    const provideTicket = async (enumValues: string[]): Promise<unknown[]> => {
      const state = { name: 'state', type: 'enum', enumValues, required: true };
      const partitioning = { ...byMonth, field: 'state', strategy: 'list' };
      const schema = { fields: [state], spec: { ...writer, partitioning } };
      await api.provide(api.tenant.schema('ticket', schema));
      const { table } = trailOf(api, 'ticket');
      return rows(
        `select replace(inhrelid::regclass::text, $1, '') from pg_inherits where inhparent = $1::regclass order by 1`,
        [table],
      );
    };
    expect(await provideTicket(['open', "it's odd"])).toEqual(['_default', '_l_itsodd', '_l_open']);
    const more = await provideTicket(['open', "it's odd", 'held']);
    expect(more).toEqual(['_default', '_l_held', '_l_itsodd', '_l_open']);
    for (const state of ['open', "it's odd", 'held']) {
      const made = await send('POST', api.path('ticket'), { body: { state } });
      expect(made.statusCode, made.body).toBe(201);
    }
    const { table } = trailOf(api, 'ticket');
    expect(await rows(`select count(*)::integer from ${table}_default`)).toEqual([0]);
    expect(await rows(`select state from ${table}_l_itsodd`)).toEqual(["it's odd"]);
  });

  it('takes over the records of the version before', async () => {
    const title = { name: 'title', type: 'string', required: true };
    await api.provide(api.tenant.schema('memo', { fields: [title], spec: writer }));
    const made = await send('POST', api.path('memo'), { body: { title: 'kept' } });
    const { id } = made.json().data;
    await send('PATCH', `${api.path('memo')}/${id}`, { body: { title: 'kept again', version: 1 } });
    const spec = {
      ...{ ...writer, version: 'v2', lifecycle: { migrateFrom: { version: 'v1', mapping: {} } } },
      partitioning: { ...byMonth, field: 'created_at' },
    };
    await api.provide(api.tenant.schema('memo', { fields: [title], spec }));
    const { namespace } = api.tenant;
    const promoted = await callerOf(api, api.adminKey)(
      'POST',
      `/api/platform/schemas/${namespace}/memo/promote`,
      { body: { to: 'v2' } },
    );
    expect(promoted.statusCode, promoted.body).toBe(202);
    await runPromotion(api.activities, { kind: 'SchemaDefinition', namespace, name: 'memo' });
    await api.deps.registry.refresh();
    const v2 = `${api.path('memo').replace(/v1$/, 'v2')}/${id}`;
    const changed = await send('PATCH', v2, { body: { title: 'moved', version: 2 } });
    expect(changed.json().data, changed.body).toMatchObject({ id, title: 'moved', version: 3 });
    const table = trailOf(api, 'memo').table.replace(/v1$/, 'v2');
    expect(await rows(`select id from ${table}_ids`)).toEqual([id]);
  });

  it('leaves no part of a schema that is deleted', async () => {
    const left = `select relname::text from pg_class where relnamespace = $1::regnamespace and relname like 'event%'
                  union all select proname::text from pg_proc where pronamespace = $1::regnamespace and proname like 'event%'`;
    expect(await rows(left, [trail.namespace])).toContain('event_v1_ids');
    const place = { pgNamespace: trail.namespace };
    for (const { sql } of planSchemaRetirement(place, ['event_v1'])) {
      await api.operator.query({ text: sql });
    }
    expect(await rows(left, [trail.namespace])).toEqual([]);
  });

  it('leaves table, history, audit and ids equal', async () => {
    expect(await trailProblems(superuser, trail)).toEqual([]);
    const { rows: odd } = await superuser.query(
      `select from ${trail.table} t full join ${trail.table}_ids i on i.id = t.id where i.id is null or t.id is null`,
    );
    expect(odd).toHaveLength(0);
  });
});
