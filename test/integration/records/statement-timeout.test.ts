import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase } from '../../support/postgres.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** Guarantee 7: whatever takes too long is 503 and without effect, and leaves the pools clean. */

/** Long enough for any statement that nobody holds up, on a machine that is busy. */
const timeoutMs = 800;

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let path: string;
let id: string;

beforeAll(async () => {
  const database = await createTestDatabase();
  superuser = await connect(database.superuserUrl);
  await superuser.query(
    `alter role velocity_api in database ${database.name} set statement_timeout = '${timeoutMs}ms'`,
  );
  api = await openTestApi(database);
  const spec = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
  await api.provide(api.tenant.schema('tree', { spec }));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  path = api.path('tree');
  const made = await send('POST', path, { body: { title: 'first' } });
  expect(made.statusCode, made.body).toBe(201);
  id = made.json().data.id;
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

const body = { title: 'late' };
const row = { op: 'create', record: body };
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });

/** Every way that a request takes to the database and back. */
const requests: [name: string, request: () => ReturnType<Caller>, success: number][] = [
  ['get', () => send('GET', `${path}/${id}`), 200],
  ['list', () => send('GET', `${path}?count=exact`), 200],
  ['create', () => send('POST', path, { body }), 201],
  ['create, keyed', () => send('POST', path, { body, ...keyed('one') }), 201],
  ['bulk', () => send('POST', `${path}/bulk`, { body: [row] }), 200],
  ['bulk, keyed', () => send('POST', `${path}/bulk`, { body: [row], ...keyed('many') }), 200],
  [
    'patch',
    () => send('PATCH', `${path}/${id}`, { body: { title: 'x' }, headers: { 'if-match': '"1"' } }),
    200,
  ],
  ['delete', () => send('DELETE', `${path}/${id}`), 204],
];

it('a statement that takes too long is 503 STATEMENT_TIMEOUT and leaves no trace', async () => {
  const { table } = trailOf(api, 'tree');
  const count = async () =>
    (await superuser.query(`select count(*)::integer as n from ${table}`)).rows[0].n;
  const blocker = await connect(api.database.superuserUrl);
  await blocker.query(`begin; lock table ${table} in access exclusive mode`);
  try {
    // More at a time than there are connections: who waits for one is not forgotten either.
    const rounds = await Promise.all(
      [1, 2, 3].map(() => Promise.all(requests.map(([, r]) => r()))),
    );
    for (const answers of rounds) {
      for (const [place, answer] of answers.entries()) {
        const [name] = requests[place]!;
        const { code } = answer.json();
        const claimed = name.endsWith('keyed') && code === 'IDEMPOTENCY_IN_PROGRESS';
        if (!claimed) {
          expect([name, answer.statusCode, code]).toEqual([name, 503, 'STATEMENT_TIMEOUT']);
        }
      }
      expect(answers.filter(({ statusCode }) => statusCode === 503).length).toBeGreaterThan(5);
    }
  } finally {
    await blocker.query('rollback');
    await blocker.end();
  }

  const { rows } = await superuser.query(
    `select state, count(*)::integer from pg_stat_activity
      where datname = current_database() and application_name = 'test api' group by state`,
  );
  expect(rows.map(({ state }) => state)).toEqual(['idle']);
  const { idle, total, waiting } = api.deps.pool.figures();
  expect({ busy: total - idle, waiting }).toEqual({ busy: 0, waiting: 0 });
  expect(api.deps.records.pipeline.figures().inFlight).toBe(0);
  expect(await count()).toBe(1);

  for (const [name, request, success] of requests) {
    const answer = await request();
    expect([name, answer.statusCode], answer.body).toEqual([name, success]);
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
  }
  expect(await count()).toBe(5);
  expect(await trailProblems(superuser, trailOf(api, 'tree'))).toEqual([]);
});
