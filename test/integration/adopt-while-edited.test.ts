import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkSchemaDrift } from '../../src/activities/drift/check-drift.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf } from './records/trail.ts';

let api: TestApi;
let superuser: pg.Client;

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  await api.provide(api.tenant.schema('job'));
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

it('adopting loses no edit that is made after it has read the schema', async () => {
  const ref = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name: 'job' } as const;
  await superuser.query(`alter table ${trailOf(api, 'job').table} alter amount set default 4`);
  await checkSchemaDrift(api.activities, ref);
  // Between the schema and what it writes it reads the drift, and waits there.
  await superuser.query('begin; lock table platform.schema_drift in access exclusive mode');
  const url = `/api/platform/schemas/${ref.namespace}/job/reconcile`;
  const payload = { mode: 'adopt' };
  // A request begins when somebody waits for it.
  const asked = api.call(api.adminKey, { method: 'POST', url, payload }).then((answer) => answer);
  const waiting = `select from pg_locks where relation = 'platform.schema_drift'::regclass and not granted`;
  await expect
    .poll(async () => (await superuser.query(waiting)).rowCount, { timeout: 10_000 })
    .toBe(1);
  const annotations = { 'example.com/edited': 'meanwhile' };
  await api.activities.store.apply([api.tenant.schema('job', { annotations })]);
  await superuser.query('rollback');
  expect((await asked).json()).toMatchObject({ status: 409, code: 'OPTIMISTIC_LOCK_FAILED' });
  const found = await api.deps.resources.find(ref);
  expect(found?.metadata.annotations).toMatchObject(annotations);
});
