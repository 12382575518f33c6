import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  planner = callerOf(api, await api.keyFor('paula', ['planner']));
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

const access = { roles: [{ role: 'planner', operations: ['*'] }] };

async function provide(name: string, fields: object[]): Promise<void> {
  await api.provide(api.tenant.schema(name, { fields, spec: { access } }));
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

async function rows(name: string, ...columns: string[]): Promise<unknown[]> {
  const { table } = trailOf(api, name);
  const { rows: found } = await superuser.query(
    `select ${columns.join(', ')} from ${table} order by created_at, id`,
  );
  return found;
}

describe('a backfill', () => {
  it('gives new, required and narrowed fields their values; history stays as it was', async () => {
    await provide('person', [
      { name: 'name', type: 'string', required: true },
      { name: 'age', type: 'integer' },
      { name: 'grade', type: 'string' },
      { name: 'born', type: 'string' },
    ]);
    await create('person', { name: 'Ada', age: 36, grade: 'gold', born: '1815-12-10' });
    await create('person', { name: "Bob O'B", grade: 'lead', born: 'unknown' });
    await create('person', { name: 'Cy', age: 200 });
    const { history } = trailOf(api, 'person');
    const before = await superuser.query(
      `select to_jsonb(h) as state from ${history} h order by id`,
    );

    await provide('person', [
      { name: 'name', type: 'string', required: true },
      {
        name: 'initial',
        type: 'string',
        required: true,
        unique: true,
        backfill: 'self.name + "!"',
      },
      {
        name: 'age',
        type: 'integer',
        required: true,
        max: 120,
        backfill: 'has(self.age) ? 120 : size(self.name)',
      },
      { name: 'grade', type: 'enum', enumValues: ['gold', 'none'], backfill: '"none"' },
      { name: 'born', type: 'date', backfill: 'timestamp("1900-01-01T00:00:00Z")' },
      {
        name: 'score',
        type: 'decimal',
        precision: 6,
        scale: 2,
        default: 1,
        backfill: 'has(self.age) ? self.age * 2 : 0',
      },
      { name: 'shadow', type: 'integer', backfill: 'self.age' },
    ]);
    await expectReady('person', 2);
    expect(
      await rows(
        'person',
        'initial',
        'age::int',
        'grade',
        'born::text',
        'score',
        'shadow::int',
        'version::int',
      ),
    ).toEqual([
      {
        initial: 'Ada!',
        age: 36,
        grade: 'gold',
        born: '1815-12-10',
        score: '72.00',
        shadow: 36,
        version: 1,
      },
      {
        initial: "Bob O'B!",
        age: 7,
        grade: 'none',
        born: '1900-01-01',
        score: '0.00',
        shadow: null,
        version: 1,
      },
      {
        initial: 'Cy!',
        age: 120,
        grade: null,
        born: null,
        score: '400.00',
        shadow: 200,
        version: 1,
      },
    ]);
    const after = await superuser.query(
      `select to_jsonb(h) as state from ${history} h order by id`,
    );
    expect(after.rows).toHaveLength(before.rows.length);
    // New records take the default; the backfill is for those that were there.
    await create('person', { name: 'Di', initial: 'D', age: 1 });
    expect((await rows('person', 'score')).at(-1)).toEqual({ score: '1.00' });
    // The same once more changes nothing, although the fields that it speaks of are others now.
    const plan = await gatherPlan(api.operator, await find('person'));
    expect(plan?.plan.changes).toEqual([]);
  });

  it('computes the value of what is written while it goes on', async () => {
    await provide('label', [{ name: 'text', type: 'string', required: true }]);
    const first = await create('label', { text: 'one' });
    const wanted = api.tenant.schema('label', {
      fields: [
        { name: 'text', type: 'string', required: true },
        { name: 'mark', type: 'string', required: true, backfill: 'self.text + "!"' },
      ],
      spec: { access },
    });
    const candidate = { ...(await find('label')), spec: wanted.spec } as SchemaDefinition;
    const { plan } = (await gatherPlan(api.operator, candidate)) ?? {};
    // As far as to the batches, which a worker that dies here would leave to another.
    for (const { mode, sql } of plan?.steps ?? []) {
      if (mode === 'backfill') break;
      if (mode === 'change') await api.operator.query({ text: sql });
    }
    const second = await create('label', { text: 'two' });
    await planner('PATCH', `${api.path('label')}/${first}`, { body: { text: 'uno', version: 1 } });
    expect(await rows('label', '_next_mark')).toEqual([
      { _next_mark: 'uno!' },
      { _next_mark: 'two!' },
    ]);
    await api.provide(wanted);
    await expectReady('label', 2);
    const { data } = (await planner('GET', `${api.path('label')}/${second}`)).json();
    expect(data).toMatchObject({ text: 'two', mark: 'two!', version: 1 });
  });

  it('that fails for a record stops the plan before anything is touched', async () => {
    await provide('ratio', [
      { name: 'a', type: 'integer' },
      { name: 'b', type: 'integer' },
    ]);
    await create('ratio', { a: 6, b: 2 });
    await create('ratio', { a: 1, b: 0 });
    await create('ratio', { a: 1 });
    const fields = [
      { name: 'a', type: 'integer' },
      { name: 'b', type: 'integer' },
      { name: 'share', type: 'integer', backfill: 'self.a / self.b' },
    ];
    await expect(provide('ratio', fields)).rejects.toThrow(
      /^2 records get no share from its backfill, [0-9a-f-]{36} for one$/,
    );
    expect(await rows('ratio', '*')).toHaveLength(3);
    expect(Object.keys((await rows('ratio', '*'))[0] as object)).not.toContain('_next_share');
  });

  it('that does not fit its field is refused, with its place and what would be right', async () => {
    const answer = await callerOf(api, api.adminKey)('POST', '/api/platform/objects?dryRun=true', {
      body: {
        items: [
          api.tenant.schema('odd', {
            fields: [
              { name: 'a', type: 'integer', backfill: '"x" + self.b' },
              { name: 'b', type: 'string', backfill: 'self.c' },
            ],
          }),
        ],
      },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toContain('"pointer":"/spec/fields/0/backfill"');
    expect(answer.body).toContain('"pointer":"/spec/fields/1/backfill"');
    expect(answer.body).toContain('Convert it: int(…)');
  });
});
