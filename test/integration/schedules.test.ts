import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { ensureSchedules } from '../../src/operator/schedules.ts';
import { createWorkflowAccess } from '../../src/process/workflow-access.ts';
import { requestReconcile, requestRepair } from '../../src/resources/drift/repair-requests.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { decideByToken } from '../support/decide-plan.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { spawnApi } from './api/api-process.ts';

let plane: ControlPlane;
const tenant = testTenant(uniqueName('watch'));
const key = { kind: 'SchemaDefinition', namespace: tenant.namespace, name: 'order' } as const;
const table = `${tenant.namespace.replaceAll('-', '_')}.order_v1`;

beforeAll(async () => {
  plane = await startControlPlane();
});

afterAll(async () => {
  await plane?.stop();
});

async function runSchedule(id: string): Promise<void> {
  const handle = plane.temporal.schedule.getHandle(id);
  const before = (await handle.describe()).info.numActionsTaken;
  await handle.trigger();
  let workflowId = '';
  await until(async () => {
    const { info } = await handle.describe();
    const action = info.recentActions.at(-1)?.action;
    workflowId = action?.type === 'startWorkflow' ? action.workflow.workflowId : '';
    return info.numActionsTaken > before && workflowId !== '';
  }, 10_000);
  await plane.temporal.workflow.getHandle(workflowId).result();
}

async function schemaOnce(wanted: (schema: SchemaDefinition) => boolean) {
  return (await plane.until(key, (found) => wanted(found as SchemaDefinition))) as SchemaDefinition;
}

describe('schedules', () => {
  it('are registered once, whoever does it and however often', async () => {
    await Promise.all([plane.startWorker(), plane.startWorker(), plane.startOperator()]);
    await until(async () => (await list()).length === 2, 10_000);
    expect((await list()).sort()).toEqual(['detectDrift', 'maintainPartitions']);
    const again = await Promise.all([1, 2, 3].map(() => ensureSchedules(plane.temporal)));
    expect(again.flat()).toEqual([]);
    const { policies, spec, state } = await plane.temporal.schedule
      .getHandle('detectDrift')
      .describe();
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 600_000 });
    expect(spec).toMatchObject({ jitter: 60_000, intervals: [{ every: 600_000 }] });
    expect(state.paused).toBe(false);
  });

  it('stay paused where somebody paused them, and are renewed where a release had them otherwise', async () => {
    const handle = plane.temporal.schedule.getHandle('maintainPartitions');
    await handle.pause('looked at');
    await handle.update((known) => ({
      ...known,
      spec: { intervals: [{ every: '1 day' }] },
      state: { ...known.state, note: 'definition of an earlier release' },
    }));
    expect(await ensureSchedules(plane.temporal)).toEqual(['maintainPartitions']);
    const { state, spec } = await handle.describe();
    expect(state.paused).toBe(true);
    expect(spec.intervals).toMatchObject([{ every: 43_200_000 }]);
    await handle.unpause();
  });

  it('find drift, say so in the status, count records, and see when it is gone', async () => {
    await plane.store.apply([...tenant.base, tenant.schema('order')]);
    await schemaOnce((one) => one?.status?.phase === 'Ready');
    const superuser = new pg.Client(plane.superuserUrl);
    await superuser.connect();
    try {
      await superuser.query(`insert into ${table} (title) select 'x' from generate_series(1, 7)`);
      await superuser.query(`alter table ${table} disable trigger velocity_history_update`);
      await runSchedule('detectDrift');
      const drifted = await schemaOnce((one) => one.status?.phase === 'Drifted');
      expect(drifted.status).toMatchObject({ records: 7, observedGeneration: 1 });
      const conditions = new Map(drifted.status?.conditions?.map((one) => [one.type, one]));
      expect(conditions.get('Ready')).toMatchObject({ status: 'True' });
      expect(conditions.get('Drifted')).toMatchObject({
        status: 'True',
        reason: 'CatalogueDiffers',
        message: expect.stringContaining('trigger velocity_history_update is disabled'),
      });
      await whatAnApiSays();
      // Nothing is undone by itself, and nothing is written that has not changed.
      await runSchedule('detectDrift');
      const again = await schemaOnce((one) => one.status?.phase === 'Drifted');
      expect(again.metadata.resourceVersion).toBe(drifted.metadata.resourceVersion);

      await superuser.query(`alter table ${table} enable trigger velocity_history_update`);
      await runSchedule('detectDrift');
      const cured = await schemaOnce((one) => one.status?.phase === 'Ready');
      expect(cured.status?.conditions?.map(({ type }) => type)).toEqual(['Ready']);
    } finally {
      await superuser.end();
    }
  });

  it('make the months to come of history, audit and records', async () => {
    const superuser = new pg.Client(plane.superuserUrl);
    await superuser.connect();
    const months = async (): Promise<string[]> => {
      const { rows } = await superuser.query(
        `select right(c.relname, 6) as month from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = $1::regclass and c.relname ~ '_[0-9]{6}$' order by 1`,
        [`${table}_history`],
      );
      return rows.map(({ month }) => month);
    };
    try {
      const partitioning = { enabled: true, field: 'day', strategy: 'range', interval: 'monthly' };
      const fields = [{ name: 'day', type: 'date', required: true }];
      await plane.store.apply([tenant.schema('visit', { fields, spec: { partitioning } })]);
      await plane.until({ ...key, name: 'visit' }, (found) => found?.status?.phase === 'Ready');
      const visits = table.replace('order', 'visit');
      const spans = `select count(*)::integer as n from pg_inherits where inhparent = '${visits}'::regclass`;
      const made = (await superuser.query(spans)).rows[0].n;
      const last = `select c.oid::regclass::text as last from pg_inherits i join pg_class c on c.oid = i.inhrelid
                     where i.inhparent = '${visits}'::regclass and c.relname ~ '_p[0-9]{6}$' order by 1 desc limit 1`;
      await superuser.query(`drop table ${(await superuser.query(last)).rows[0].last}`);
      const before = await months();
      await superuser.query(`drop table ${table}_history_${before.at(-1)}`);
      await runSchedule('maintainPartitions');
      expect((await superuser.query(spans)).rows[0].n).toBe(made);
      const after = await months();
      expect(after).toHaveLength(4);
      expect(after.slice(0, 3)).toEqual(before);
      const { rows } = await superuser.query(
        `select c.relowner::regrole::text as owner,
                (select count(*)::integer from pg_index x where x.indrelid = c.oid) as indexes
           from pg_class c where c.oid = $1::regclass`,
        [`${table}_history_${after.at(-1)}`],
      );
      expect(rows).toEqual([{ owner: 'velocity_audit', indexes: 1 }]);
    } finally {
      await superuser.end();
    }
  });
});

describe('a repair', () => {
  it('that loses values waits for somebody’s word, in the workflow that changes the schema', async () => {
    const superuser = new pg.Client(plane.superuserUrl);
    await superuser.connect();
    const access = createWorkflowAccess({
      temporalAddress: plane.temporalAddress(),
      temporalNamespace: 'default',
    });
    try {
      await superuser.query(
        `alter table ${table} add column note text; update ${table} set note = 'x'`,
      );
      await superuser.query(`alter table ${table} disable trigger velocity_first_version`);
      const decide = (planHash: string) =>
        decideByToken(plane.pool, access.decidePlan, {
          ...{ ref: key, planHash, actor: 'eve', approved: true },
        });
      const asked = { requestedBy: 'dora', reason: 'tidy up', generation: 1 };
      await requestRepair(plane.pool, key, asked);
      await requestReconcile(plane.pool, key, 'eve');
      const waiting = await schemaOnce((one) => one.status?.phase === 'AwaitingApproval');
      const { hash = '', steps = [] } = waiting.status?.plan ?? {};
      expect(steps.map(({ summary }) => summary)).toEqual([
        'drop note',
        'enable trigger velocity_first_version',
      ]);
      await expect(decide('f'.repeat(64))).rejects.toMatchObject({ code: 'APPROVAL_CONFLICT' });
      await decide(hash);
      const done = await schemaOnce((one) => one.status?.phase === 'Ready');
      expect(done.status).toMatchObject({ activeRevision: 1 });
      const { rows } = await superuser.query(
        `select operation, actor from platform.audit_log where operation in ('approve-plan', 'repair-schema') order by id`,
      );
      expect(rows).toEqual([
        { operation: 'approve-plan', actor: 'eve' },
        { operation: 'repair-schema', actor: 'dora' },
      ]);
    } finally {
      await access.close();
      await superuser.end();
    }
  });
});

/** Anybody who probes or scrapes an API hears of it, and it stays ready. */
async function whatAnApiSays(): Promise<void> {
  const api = await spawnApi({
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  try {
    await until(
      async () => (await (await fetch(`${api.url}/readyz`)).text()).includes('warnings'),
      5_000,
    );
    const ready = await fetch(`${api.url}/readyz`);
    expect(ready.status).toBe(200);
    const { data } = (await ready.json()) as { data: { warnings: string[] } };
    expect(data.warnings).toContain(
      '1 schemas may take writes without history and audit: triggers differ',
    );
    const figures = await (await fetch(`${api.url}/metrics`)).text();
    expect(figures).toContain('velocity_schema_drift{kind="trigger"} 1');
    expect(figures).toMatch(/velocity_schema_drift_age_seconds \d/);
  } finally {
    api.kill('SIGKILL');
    await api.exited;
  }
}

async function list(): Promise<string[]> {
  const found: string[] = [];
  for await (const { scheduleId } of plane.temporal.schedule.list()) found.push(scheduleId);
  return found;
}
