import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import { openFaultProxy } from '../../support/fault-proxy.ts';
import { until } from '../../support/until.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { everythingSchemas } from './everything-schema.ts';
import type { Trail } from './trail.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** Guarantees 1 and 2: `velocity api` is killed with SIGKILL while a write is on its way. */

let setup: TestApi;
let proxy: FaultProxy;
let superuser: pg.Client;
let key: string;
let trail: Trail;
const running: ApiProcess[] = [];

beforeAll(async () => {
  setup = await openTestApi();
  await setup.provide(...everythingSchemas(setup.tenant));
  key = await setup.keyFor('wanda', ['writer']);
  trail = trailOf(setup, 'thing');
  superuser = await connect(setup.database.superuserUrl);
  const { hostname: host, port } = new URL(setup.database.apiUrl);
  proxy = await openFaultProxy({ host, port: Number(port) });
});

afterEach(async () => {
  expect(await trailProblems(superuser, trail)).toEqual([]);
});

afterAll(async () => {
  for (const each of running) each.kill('SIGKILL');
  await Promise.all(running.map((each) => each.exited));
  await proxy?.close();
  await superuser?.end();
  await setup?.close();
});

/** An API whose every byte to and from Postgres passes the proxy. */
async function start(): Promise<ApiProcess> {
  const url = new URL(setup.database.apiUrl);
  url.port = String(proxy.port);
  const started = await spawnApi({ VELOCITY_DATABASE_URL: url.href, VELOCITY_POOL_SIZE: '2' });
  running.push(started);
  return started;
}

interface Write {
  readonly route: string;
  readonly idempotencyKey: string;
  readonly body: unknown;
}

function write(api: ApiProcess, { route, idempotencyKey, body }: Write): Promise<Response> {
  return fetch(`${api.url}${setup.path('thing')}${route}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify(body),
  });
}

/** How often a title occurs in table, history and audit, and among the idempotency keys. */
async function presence(title: string): Promise<number[]> {
  const { rows } = await superuser.query(
    `select (select count(*)::integer from ${trail.table} where title = $1) as rows,
            (select count(*)::integer from ${trail.history} where title = $1) as versions,
            (select count(*)::integer from platform.audit_log where payload -> 'new' ->> 'title' = $1) as entries,
            (select count(*)::integer from platform.idempotency_keys where key = $1) as keys`,
    [title],
  );
  return Object.values(rows[0] as Record<string, number>);
}

/** Both ways that a write takes: one round trip, and a transaction that talks back and forth. */
const create = (title: string): Write => ({ route: '', body: { title }, idempotencyKey: title });
const bulk = (title: string): Write => ({
  route: '/bulk',
  body: [{ op: 'create', record: { title } }],
  idempotencyKey: title,
});

/** Makes writers of a table wait until it is released. */
async function lockTable(table: string) {
  const holder = await connect(setup.database.superuserUrl);
  await holder.query('begin');
  await holder.query(`lock table ${table} in exclusive mode`);
  const waiting = async (): Promise<number | null> =>
    (
      await superuser.query('select from pg_locks where not granted and relation = $1::regclass', [
        table,
      ])
    ).rowCount;
  return {
    untilWaiting: () => until(async () => (await waiting()) === 1, 10_000),
    release: async () => {
      await holder.query('rollback');
      await holder.end();
    },
  };
}

/** The killed API's sessions end once Postgres has noticed. */
async function untilForgotten(): Promise<void> {
  await until(async () => {
    const { rowCount } = await superuser.query(
      `select from pg_stat_activity where datname = current_database() and application_name like 'velocity api%'`,
    );
    return rowCount === 0;
  }, 10_000);
}

async function kill(api: ApiProcess, answer: Promise<unknown>): Promise<void> {
  api.kill('SIGKILL');
  expect(await answer).toBeInstanceOf(Error);
  await api.exited;
  proxy.cut();
}

/** Sends the write again, under its key, to a new API; it must be there once in the end. */
async function retry(sent: Write, replayed: boolean): Promise<void> {
  const api = await start();
  const answer = await write(api, sent);
  expect(answer.status, await answer.clone().text()).toBeLessThan(300);
  expect(answer.headers.get('idempotency-replayed')).toBe(replayed ? 'true' : null);
  expect(await presence(sent.idempotencyKey)).toEqual([1, 1, 1, 1]);
  api.kill('SIGTERM');
  await api.exited;
}

const failed = (error: unknown): unknown => error;

describe('a write whose API is killed before Postgres has its COMMIT', () => {
  it('is absent everywhere; the retry makes one', async () => {
    const api = await start();
    const sent = create('before-commit');
    proxy.hold('up');
    const answer = write(api, sent).catch(failed);
    await until(() => Promise.resolve(proxy.held().includes('before-commit')), 10_000);
    await kill(api, answer);
    expect(await presence('before-commit')).toEqual([0, 0, 0, 0]);
    await retry(sent, false);
  });

  it('is absent also when all but the COMMIT had been sent', async () => {
    const api = await start();
    const sent = bulk('before-last');
    const lock = await lockTable('platform.idempotency_keys');
    const answer = write(api, sent).catch(failed);
    await lock.untilWaiting();
    await kill(api, answer);
    await lock.release();
    await untilForgotten();
    expect(await presence('before-last')).toEqual([0, 0, 0, 0]);
    await retry(sent, false);
  });

  it('is everywhere or nowhere when its COMMIT was on its way', async () => {
    const api = await start();
    const sent = create('on-its-way');
    const lock = await lockTable(trail.table);
    const answer = write(api, sent).catch(failed);
    await lock.untilWaiting();
    await kill(api, answer);
    await lock.release();
    await untilForgotten();
    const found = await presence('on-its-way');
    expect(new Set(found).size).toBe(1);
    await retry(sent, found[0] === 1);
  });
});

describe('a write whose API is killed after the COMMIT and before the answer', () => {
  it('is kept; the retry gets its answer and makes no second one', async () => {
    const api = await start();
    const sent = create('after-commit');
    proxy.hold('down');
    const answer = write(api, sent).catch(failed);
    await until(async () => (await presence('after-commit'))[0] === 1, 10_000);
    await kill(api, answer);
    expect(await presence('after-commit')).toEqual([1, 1, 1, 1]);
    await retry(sent, true);
  });

  it('is kept also when it was a bulk', async () => {
    const api = await start();
    const sent = bulk('after-last');
    const lock = await lockTable('platform.idempotency_keys');
    const answer = write(api, sent).catch(failed);
    await lock.untilWaiting();
    await lock.release();
    await until(async () => (await presence('after-last'))[0] === 1, 10_000);
    // Its answer may have got out before: what the retry gets is the same.
    api.kill('SIGKILL');
    await answer;
    await api.exited;
    proxy.cut();
    await retry(sent, true);
  });
});
