import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { connect, trailOf, trailProblems, versionsOf } from './trail.ts';

/** Guarantees 3, 5 and 6: what Postgres may do to a transaction. */

let api: TestApi;
let send: Caller;
let superuser: pg.Client;

beforeAll(async () => {
  api = await openTestApi();
  const { tenant } = api;
  const spec = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
  const ref = tenant.reference('tree', { onDelete: 'cascade' });
  await api.provide(
    tenant.schema('tree', { spec, fields: [{ name: 'title', type: 'string', filterable: true }] }),
    tenant.schema('fruit', { spec, fields: [{ name: 'tree', type: 'ref', ref }] }),
  );
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
});

afterEach(async () => {
  for (const object of ['tree', 'fruit']) {
    expect(await trailProblems(superuser, trailOf(api, object))).toEqual([]);
  }
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

const url = (object: string, id = ''): string => `${api.path(object)}${id === '' ? '' : `/${id}`}`;

async function create(object: string, body: object = {}): Promise<string> {
  const answer = await send('POST', url(object), { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

const total = async (): Promise<number> =>
  (await superuser.query(`select count(*)::integer as count from ${trailOf(api, 'tree').table}`))
    .rows[0].count;

/** Every way that a write takes to its COMMIT. */
const writes: [name: string, write: (title: string) => ReturnType<Caller>][] = [
  ['a create', (title) => send('POST', url('tree'), { body: { title } })],
  [
    'a create with an idempotency key',
    (title) =>
      send('POST', url('tree'), { body: { title }, headers: { 'idempotency-key': title } }),
  ],
  [
    'a bulk',
    (title) => send('POST', `${url('tree')}/bulk`, { body: [{ op: 'create', record: { title } }] }),
  ],
  [
    'a bulk with an idempotency key',
    (title) =>
      send('POST', `${url('tree')}/bulk`, {
        body: [{ op: 'create', record: { title } }],
        headers: { 'idempotency-key': `bulk-${title}` },
      }),
  ],
  [
    'a bulk that is not atomic',
    (title) =>
      send('POST', `${url('tree')}/bulk?atomic=false`, {
        body: [{ op: 'create', record: { title } }],
      }),
  ],
];

describe('a write that fails at COMMIT', () => {
  beforeAll(async () => {
    await superuser.query(`
      create function public.fail_at_commit() returns trigger language plpgsql as
        $$ begin raise exception 'at commit' using errcode = right(new.title, 5); end $$;
      create constraint trigger fail_at_commit after insert on ${trailOf(api, 'tree').table}
        deferrable initially deferred for each row when (new.title like 'fails%')
        execute function public.fail_at_commit()`);
  });
  afterAll(async () => {
    await superuser.query('drop function public.fail_at_commit() cascade');
  });

  it.each(writes)('is never a success: %s', async (_name, write) => {
    const before = await total();
    for (const [sqlState, status, code] of [
      ['P0001', 500, 'INTERNAL_ERROR'],
      ['40003', 500, 'INTERNAL_ERROR'],
      ['23514', 400, 'VALIDATION_ERROR'],
    ] as const) {
      const answer = await write(`fails-${sqlState}`);
      expect(answer.json(), answer.body).toMatchObject({ status, code });
    }
    expect(await total()).toBe(before);
    const other = await write('holds-P0001');
    expect(other.statusCode, other.body).toBeLessThan(300);
    expect(await total()).toBe(before + 1);
  });
});

describe('a transaction of the pool', () => {
  it('that was aborted and whose error was swallowed is no success', async () => {
    const outcome = api.operator.transaction(async (tx) => {
      await tx.query({ text: 'select 1 / 0' }).catch(() => {});
      return 'committed';
    });
    await expect(outcome).rejects.toThrow(/rolled the transaction back/);
  });
});

describe('connections that Postgres ends', () => {
  const ofApi = `datname = current_database() and application_name = 'test api'`;
  /**
   * Ends them and waits until they are gone and their last words are read: a request that is on its way
   * while its connection ends may have taken effect or not, and is told so by a 503.
   */
  const endThem = async (): Promise<number> => {
    const { rows } = await superuser.query(
      `select pg_terminate_backend(pid, 10000) as ended from pg_stat_activity where ${ofApi}`,
    );
    expect(rows.every(({ ended }) => ended)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    return rows.length;
  };

  it.each([['a get', async () => send('GET', url('tree'))], ...writes])(
    'do not fail the next request: %s',
    async (name, request) => {
      for (let round = 0; round < 5; round++) {
        const before = await total();
        expect(await endThem()).toBeGreaterThan(0);
        const answer = await request(`ended-${round}-${name.replaceAll(' ', '-')}`);
        expect(answer.statusCode, answer.body).toBeLessThan(300);
        expect((await total()) - before).toBe(name === 'a get' ? 0 : 1);
      }
    },
  );

  it('fail none of many requests that come after', async () => {
    await endThem();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0
          ? send('GET', url('tree'))
          : send('POST', url('tree'), { body: { title: `many-${index}` } }),
      ),
    );
    const failed = answers.filter(({ statusCode }) => statusCode >= 300);
    expect(new Set(failed.map((answer) => answer.json().code))).toEqual(new Set());
  });
});

describe('a deadlock', () => {
  const deadlocks = async (): Promise<number> =>
    (
      await superuser.query(
        `select pg_stat_force_next_flush(), deadlocks::integer from pg_stat_database where datname = current_database()`,
      )
    ).rows[0].deadlocks;
  const deletes: [name: string, (id: string) => ReturnType<Caller>][] = [
    ['a delete', (id) => send('DELETE', url('tree', id))],
    [
      'a bulk with an idempotency key',
      (id) =>
        send('POST', `${url('tree')}/bulk`, {
          body: [{ op: 'delete', id }],
          headers: { 'idempotency-key': id },
        }),
    ],
  ];

  it.each(deletes)('is tried again and has one effect: %s', async (_name, remove) => {
    const tree = await create('tree');
    const fruit = await create('fruit', { tree });
    const before = await deadlocks();
    const rival = await connect(api.database.superuserUrl);
    // The rival is the patient one, so that the API's transaction is the one that is chosen.
    await rival.query(`set deadlock_timeout = '60s'`);
    await rival.query('begin');
    await rival.query(`select from ${trailOf(api, 'fruit').table} where id = $1 for update`, [
      fruit,
    ]);
    const answer = remove(tree);
    await until(async () => {
      const { rowCount } = await superuser.query(
        `select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.application_name = 'test api'`,
      );
      return (rowCount ?? 0) > 0;
    }, 5_000);
    await rival.query(`select from ${trailOf(api, 'tree').table} where id = $1 for update`, [tree]);
    await rival.query('commit');
    await rival.end();
    expect((await answer).statusCode, (await answer).body).toBeLessThan(300);
    await until(async () => (await deadlocks()) > before, 5_000);
    for (const [object, id] of [
      ['tree', tree],
      ['fruit', fruit],
    ] as const) {
      const versions = await versionsOf(superuser, trailOf(api, object), id);
      expect(versions.map(({ operation }) => operation)).toEqual(['create', 'delete']);
    }
  });

  it('between bulks that meet in opposite orders fails none of them', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, () => create('tree')));
    const rows = (order: readonly string[], title: string) =>
      order.map((id) => ({ op: 'update', id, record: { title } }));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const order = index % 2 === 0 ? ids : [...ids].reverse();
        const keyed = index % 4 < 2 ? {} : { 'idempotency-key': `opposite-${index}` };
        return send('POST', `${url('tree')}/bulk`, {
          body: rows(order, `round ${index}`),
          headers: keyed,
        });
      }),
    );
    for (const answer of answers) expect(answer.statusCode, answer.body).toBe(200);
    for (const id of ids.slice(0, 3)) {
      expect(await versionsOf(superuser, trailOf(api, 'tree'), id)).toHaveLength(9);
    }
  });
});
