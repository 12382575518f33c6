import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OwnPostgres } from '../support/own-postgres.ts';
import { startOwnPostgres } from '../support/own-postgres.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf } from './records/trail.ts';

let server: OwnPostgres;
let api: TestApi;
let superuser: pg.Client;

beforeAll(async () => {
  server = await startOwnPostgres();
  api = await openTestApi(server);
  superuser = await connect(server.superuserUrl);
  await superuser.query('alter system set autovacuum_naptime = 1');
  await superuser.query('select pg_reload_conf()');
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

it('a change of a schema sends autovacuum away, instead of keeping requests waiting behind it', async () => {
  const title = { name: 'title', type: 'string' };
  await api.provide(api.tenant.schema('dusty', { fields: [title] }));
  const { table } = trailOf(api, 'dusty');
  await superuser.query(
    `insert into ${table} (title) select 'n' || n from generate_series(1, 20000) n`,
  );
  // A vacuum that would take minutes, and begins by itself.
  await superuser.query(
    `alter table ${table} set (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
       autovacuum_vacuum_insert_threshold = 0, autovacuum_vacuum_insert_scale_factor = 0,
       autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)`,
  );
  await superuser.query(`update ${table} set title = title || '!'`);
  const vacuuming = async (): Promise<boolean> => {
    const { rows } = await superuser.query(
      `select from pg_stat_progress_vacuum where relid = $1::regclass and phase <> 'initializing'`,
      [table],
    );
    return rows.length > 0;
  };
  for (let tries = 0; tries < 400 && !(await vacuuming()); tries++) await sleep(50);
  expect(await vacuuming()).toBe(true);

  let longestMs = 0;
  let stopped = false;
  const looking = (async () => {
    while (!stopped) {
      const { rows } = await superuser.query(
        `select coalesce(max(extract(epoch from clock_timestamp() - waitstart) * 1000), 0)::float8 as ms
           from pg_locks where relation = $1::regclass and not granted`,
        [table],
      );
      longestMs = Math.max(longestMs, rows[0].ms);
      await sleep(5);
    }
  })();
  await api.provide(api.tenant.schema('dusty', { fields: [title, { name: 'due', type: 'date' }] }));
  stopped = true;
  await looking;
  const found = await api.deps.resources.find({
    ...{ kind: 'SchemaDefinition', namespace: api.tenant.namespace, name: 'dusty' },
  });
  expect(found?.status).toMatchObject({ phase: 'Ready', activeRevision: 2 });
  expect(longestMs).toBeLessThan(400);
});
