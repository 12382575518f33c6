import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareSchemas } from '../../src/activities/drift/compare-schemas.ts';
import { findCompared } from '../../src/activities/sql/drift.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { gatherPlan } from '../../src/resources/plans/gather-plan.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import { connect, trailOf } from './records/trail.ts';

let api: TestApi;
let superuser: pg.Client;
let planner: Caller;
let clerk: Caller;

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  planner = callerOf(api, await api.keyFor('paula', ['planner']));
  clerk = callerOf(api, await api.keyFor('carl', ['clerk']));
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

const access = { roles: ['planner', 'clerk'].map((role) => ({ role, operations: ['*'] })) };

async function provide(name: string, fields: object[], spec: object = {}): Promise<void> {
  await api.provide(api.tenant.schema(name, { fields, spec: { access, ...spec } }));
}

async function find(name: string): Promise<SchemaDefinition> {
  const key = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name } as const;
  return (await api.deps.resources.find(key)) as SchemaDefinition;
}

async function expectReady(name: string, revision: number): Promise<void> {
  const { status } = await find(name);
  expect(status, JSON.stringify(status?.conditions)).toMatchObject({
    phase: 'Ready',
    activeRevision: revision,
  });
}

async function create(name: string, body: object): Promise<string> {
  const answer = await planner('POST', api.path(name), { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

const problems = (answer: { json(): { details: { problems: unknown } } }) =>
  answer.json().details.problems;

describe('a validation in CEL', () => {
  const fields = [
    { name: 'low', type: 'integer', required: true },
    { name: 'high', type: 'integer' },
    { name: 'code', type: 'string' },
    { name: 'secret', type: 'integer', access: { read: ['planner'] } },
  ];
  const rule = (text: string, message?: string) => ({ type: 'cel', rule: text, message });
  const spec = {
    validations: [
      rule('!has(self.high) || self.low <= self.high', 'low comes first'),
      rule('!has(self.code) || self.code.matches("^[A-Z]{2,4}$")', 'code is two to four capitals'),
      rule('!has(self.secret) || self.secret > self.low'),
      rule('self.low * 2 < 2000', 'too much'),
    ],
  };

  beforeAll(() => provide('span', fields, spec));

  it('is answered with the others in one list, each with its message and place', async () => {
    const answer = await planner('POST', api.path('span'), {
      body: { low: 5, high: 4, code: 'no' },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe('VALIDATION_ERROR');
    expect(problems(answer)).toEqual([
      { pointer: '', rule: 'cel', message: 'low comes first' },
      { pointer: '/code', rule: 'cel', message: 'code is two to four capitals' },
    ]);
  });

  it('holds for a change of either side, in bulk with its row', async () => {
    const id = await create('span', { low: 1, high: 2, code: 'AB' });
    const patched = await planner('PATCH', `${api.path('span')}/${id}`, {
      body: { low: 3, version: 1 },
    });
    expect(problems(patched)).toEqual([{ pointer: '', rule: 'cel', message: 'low comes first' }]);
    const bulk = await planner('POST', `${api.path('span')}/bulk`, {
      body: [
        { op: 'create', record: { low: 1 } },
        { op: 'create', record: { low: 2, high: 1 } },
        { op: 'update', id, record: { high: 0 } },
      ],
    });
    expect(bulk.statusCode).toBe(400);
    expect(bulk.body).toContain('"pointer":"/1');
    const each = await planner('POST', `${api.path('span')}/bulk?atomic=false`, {
      body: [
        { op: 'update', id, record: { high: 0 } },
        { op: 'create', record: { low: 7 } },
      ],
    });
    expect(each.json().data.map((row: { status: number }) => row.status)).toEqual([400, 201]);
  });

  it('says nothing of a field that the caller cannot read', async () => {
    const id = await create('span', { low: 1, secret: 5 });
    const answer = await clerk('PATCH', `${api.path('span')}/${id}`, {
      body: { low: 9, version: 1 },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.body).not.toContain('secret');
    expect(problems(answer)).toEqual([
      { pointer: '', rule: 'schema', message: 'does not fit the schema' },
    ]);
  });

  it('is kept by the table too, whoever writes', async () => {
    const { table } = trailOf(api, 'span');
    const insert = (values: string) =>
      superuser.query(`insert into ${table} (low, high, code) values ${values}`);
    await expect(insert(`(5, 4, null)`)).rejects.toMatchObject({ code: '23514' });
    await expect(insert(`(1, null, 'abc')`)).rejects.toMatchObject({ code: '23514' });
    // Twice of this is no integer: what has no value is not true.
    await expect(insert('(9223372036854775807, null, null)')).rejects.toMatchObject({
      code: '23514',
    });
    await insert(`(999, null, 'ABCD')`);
    const huge = await planner('POST', api.path('span'), { body: { low: '9223372036854775807' } });
    expect(problems(huge)).toEqual([{ pointer: '/low', rule: 'cel', message: 'too much' }]);
  });

  it('is verified against what is there before it binds anybody, and can go again', async () => {
    await provide('stock', [{ name: 'amount', type: 'integer' }]);
    const ids = [await create('stock', { amount: -1 }), await create('stock', { amount: -2 })];
    await create('stock', { amount: 3 });
    const validations = [rule('has(self.amount) && self.amount >= 0', 'never below zero')];
    const asked = provide('stock', [{ name: 'amount', type: 'integer' }], { validations });
    await expect(asked).rejects.toThrow(
      /^2 records break the validation "never below zero", [0-9a-f-]{36} for one$/,
    );
    // Nobody is bound by what did not come.
    ids.push(await create('stock', { amount: -3 }));

    for (const id of ids) {
      await planner('PATCH', `${api.path('stock')}/${id}`, { body: { amount: 0, version: 1 } });
    }
    // Renamed in the same change: the constraint follows the field.
    await provide('stock', [{ name: 'level', type: 'integer', renamedFrom: 'amount' }], {
      validations: [rule('has(self.level) && self.level >= 0', 'never below zero')],
    });
    await expectReady('stock', 2);
    const renamed = await planner('POST', api.path('stock'), { body: { level: -1 } });
    expect(problems(renamed)).toEqual([
      { pointer: '/level', rule: 'cel', message: 'never below zero' },
    ]);
    await provide('stock', [{ name: 'depth', type: 'integer', renamedFrom: 'level' }], {
      validations: [rule('has(self.depth) && self.depth >= 0', 'never below zero')],
    });
    const plan = await gatherPlan(api.operator, await find('stock'));
    expect(plan?.plan.changes).toEqual([]);
    await provide('stock', [{ name: 'depth', type: 'integer' }]);
    await expectReady('stock', 4);
    await create('stock', { depth: -5 });
  });
});

describe('a partial index', () => {
  it('covers the records for which its condition is true, and keeps those unique', async () => {
    const fields = [
      { name: 'owner', type: 'string', required: true, filterable: true },
      { name: 'status', type: 'string' },
    ];
    await provide('seat', fields);
    for (let n = 0; n < 3; n++) await create('seat', { owner: 'ann', status: 'past' });
    await create('seat', { owner: 'ann', status: 'open' });
    const indexes = [
      {
        fields: [{ name: 'owner' }],
        unique: true,
        where: 'self.status == "open" && self.deleted_at == null',
      },
      {
        fields: [{ name: 'owner' }],
        where: 'self.created_at > timestamp("2000-01-01T00:00:00Z") && size(self.owner) > 2',
      },
    ];
    await provide('seat', fields, { indexes });
    await expectReady('seat', 2);
    const { rows: built } = await superuser.query<{ definition: string }>(
      `select pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = $1::regclass and indpred is not null order by 1`,
      [trailOf(api, 'seat').table],
    );
    expect(built.map(({ definition }) => /UNIQUE/.test(definition))).toEqual([false, true]);
    expect(built[1]?.definition).toMatch(
      /WHERE \(\(status = 'open'::text\) AND \(deleted_at IS NULL\)\)$/,
    );

    await create('seat', { owner: 'ann' });
    const taken = await planner('POST', api.path('seat'), {
      body: { owner: 'ann', status: 'open' },
    });
    expect(taken.json()).toMatchObject({
      status: 409,
      code: 'UNIQUE_CONSTRAINT_VIOLATION',
      details: { fields: ['owner'] },
    });
    await provide(
      'seat',
      [{ ...fields[0], name: 'holder', renamedFrom: 'owner' }, fields[1] ?? {}],
      {
        indexes: [
          {
            fields: [{ name: 'holder' }],
            unique: true,
            where: 'self.status == "open" && self.deleted_at == null',
          },
        ],
      },
    );
    await expectReady('seat', 3);
    await create('seat', { holder: 'bea', status: 'open' });
  });
});

describe('rules, backfills and conditions of a partitioned table', () => {
  const partitioning = { enabled: true, field: 'due', strategy: 'range', interval: 'monthly' };
  const due = { name: 'due', type: 'date', required: true };
  const rule = {
    type: 'cel',
    rule: '!has(self.amount) || self.amount > 0',
    message: 'more than 0',
  };
  const where = 'self.deleted_at == null && self.amount > 5';

  it('come with it, are added to it, and are no drift', async () => {
    const amount = { name: 'amount', type: 'integer' };
    await provide('leg', [due, amount], { partitioning });
    await create('leg', { due: '2026-11-21', amount: 3 });
    await create('leg', { due: '2027-01-01', amount: 9 });
    const double = { name: 'double', type: 'integer', required: true, backfill: 'self.amount * 2' };
    const spec = {
      partitioning,
      validations: [rule],
      indexes: [{ fields: [{ name: 'due' }], where }],
    };
    await provide('leg', [due, amount, double], spec);
    await expectReady('leg', 2);
    const { table } = trailOf(api, 'leg');
    const { rows } = await superuser.query(`select double::integer from ${table} order by due`);
    expect(rows).toEqual([{ double: 6 }, { double: 18 }]);
    const refused = superuser.query(
      `insert into ${table} (due, amount, double) values ('2026-11-22', 0, 1)`,
    );
    await expect(refused).rejects.toMatchObject({ code: '23514' });
    expect(await driftOf('leg')).toEqual([]);

    await provide('leg', [due, amount, double], {
      ...spec,
      partitioning: { ...partitioning, enabled: false },
    });
    await expectReady('leg', 3);
    expect(await driftOf('leg')).toEqual([]);
    const answer = await planner('POST', api.path('leg'), {
      body: { due: '2026-11-22', amount: 0, double: 1 },
    });
    expect(problems(answer)).toEqual([{ pointer: '/amount', rule: 'cel', message: 'more than 0' }]);
    expect(await driftOf('span')).toEqual([]);
    expect(await driftOf('seat')).toEqual([]);
  });
});

async function driftOf(name: string): Promise<unknown> {
  const revisions = await findCompared(api.operator, { namespace: api.tenant.namespace, name });
  const [compared] = await compareSchemas(api.operator, revisions);
  return compared?.items;
}
