import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { abandonSchemaChange } from '../../src/activities/abandon-schema-change.ts';
import { applySchemaSteps } from '../../src/activities/apply-schema-steps.ts';
import { recordDecision } from '../../src/activities/approval-activities.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { checkSchemaDrift } from '../../src/activities/drift/check-drift.ts';
import { concludeRepair } from '../../src/activities/drift/repair-schema.ts';
import { planSchemaChange } from '../../src/activities/plan-schema-change.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { findDrift } from '../../src/resources/drift/find-drift.ts';
import { requestRepair } from '../../src/resources/drift/repair-requests.ts';
import { describeDrift } from '../../src/schema/compare-shapes.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf, trailProblems } from './records/trail.ts';

let api: TestApi;
let deps: ActivityDeps;
let superuser: pg.Client;
let operator: pg.Client;

const fields = () => [
  { name: 'title', type: 'string', required: true, filterable: true, maxLength: 80 },
  { name: 'amount', type: 'integer', min: 0, default: 3 },
  { name: 'code', type: 'string', unique: true },
  { name: 'town', type: 'ref', ref: api.tenant.reference('city') },
];
const access = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  operator = await connect(api.database.operatorUrl);
  deps = api.activities;
  await api.provide(api.tenant.schema('city'));
  await api.provide(api.tenant.schema('job', { fields: fields(), spec: access }));
  const { table } = trailOf(api, 'job');
  await superuser.query(
    `insert into ${table} (title, code) select 'job ' || n, 'c' || n from generate_series(1, 50) as n`,
  );
});

afterAll(async () => {
  await operator?.end();
  await superuser?.end();
  await api?.close();
});

const ref = (name = 'job') => ({
  ...{ kind: 'SchemaDefinition', namespace: api.tenant.namespace, name },
});

function spelled(text: string): string {
  const { table, history, namespace } = trailOf(api, 'job');
  return text.replaceAll('{t}', table).replaceAll('{h}', history).replaceAll('{n}', namespace);
}

async function driftOf(name = 'job'): Promise<string[]> {
  await checkSchemaDrift(deps, ref(name));
  const found = await findDrift(api.operator, ref(name));
  return found.flatMap(({ items }) => items).map(describeDrift);
}

async function schemaNow(of = 'job'): Promise<SchemaDefinition> {
  const { namespace, name } = ref(of);
  const key = { kind: 'SchemaDefinition', namespace, name } as const;
  return (await api.deps.resources.find(key)) as SchemaDefinition;
}

/** As the workflow does; answers the class of the plan, or what came of it. */
async function repair(decision?: boolean, of = 'job'): Promise<string> {
  const { generation = 1 } = (await schemaNow(of)).metadata;
  const asked = { requestedBy: 'dora', reason: 'tidy up', generation };
  expect(await requestRepair(api.operator, ref(of), asked)).toBe(true);
  let planned = await planSchemaChange(deps, ref(of));
  const waited = planned.next === 'await';
  if (planned.next === 'await') {
    const { planHash } = planned.waiting;
    expect((await schemaNow(of)).status).toMatchObject({
      phase: 'AwaitingApproval',
      plan: { hash: planHash, needsApproval: true },
    });
    const said = { planHash, approved: decision === true, actor: 'carl', how: 'update' };
    await recordDecision(deps, { ref: ref(of), ...said });
    planned = await planSchemaChange(deps, ref(of));
  }
  if (planned.next !== 'apply') return planned.next;
  const { planHash, batches } = planned;
  // Each step twice: a worker that died after it does it again.
  for (const { names: batch } of [...batches, ...batches]) {
    await applySchemaSteps(deps, { ref: ref(of), planHash, batch });
  }
  await concludeRepair(deps, { ref: ref(of), planHash });
  return waited ? 'approved' : 'at once';
}

const hands: readonly [does: string, how: string, as?: 'superuser'][] = [
  ['alter table {t} disable trigger velocity_history_update', 'at once'],
  ['alter table {t} enable replica trigger velocity_history_create', 'at once'],
  ['drop trigger velocity_raise_version on {t}', 'at once'],
  [
    'create trigger swallow before update on {t} for each row execute function suppress_redundant_updates_trigger()',
    'at once',
  ],
  ['create rule nothing as on update to {t} do instead nothing', 'at once'],
  ['alter table {t} no force row level security, disable row level security', 'at once'],
  [
    'create policy wide on {t} using (true); alter policy velocity_records on {t} using (true)',
    'at once',
  ],
  ['grant delete on {t} to velocity_api; grant update (title) on {t} to public', 'at once'],
  ['revoke insert on {t} from {role}', 'at once'],
  ['alter table {t} add column note text', 'at once'],
  ["alter table {t} add column note text; update {t} set note = 'x' where code = 'c1'", 'approved'],
  ['alter table {t} rename column amount to sum', 'at once'],
  ['alter table {t} alter amount type numeric, alter amount set default 4', 'approved'],
  ['alter table {t} alter title drop not null, alter code set not null', 'at once'],
  ['alter table {t} drop column amount', 'at once'],
  ['alter table {t} drop constraint job_v1_amount_check', 'at once'],
  [
    'alter table {t} drop constraint job_v1_amount_check, add constraint job_v1_amount_check check (amount >= 1) not valid, add check (amount < 7)',
    'at once',
  ],
  [
    'alter table {t} drop constraint job_v1_town_fkey, add constraint job_v1_town_fkey foreign key (town) references {n}.city_v1 on delete cascade',
    'at once',
  ],
  ['alter table {t} drop constraint job_v1_pkey', 'at once'],
  ['drop index {n}.job_v1_code_key; create index by_amount on {t} (amount)', 'at once'],
  [
    "update pg_index set indisvalid = false where indexrelid = '{n}.job_v1_code_key'::regclass",
    'at once',
    'superuser',
  ],
  [
    'drop trigger velocity_propagate_delete on {n}.city_v1; alter table {t} disable trigger velocity_history_purge',
    'at once',
  ],
  [
    "create or replace function {n}.job_v1_history_create() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as 'begin return null; end'",
    'at once',
    'superuser',
  ],
];

describe('a repair', () => {
  it.each(hands)('undoes: %s', async (does, how, as) => {
    const client = as === 'superuser' ? superuser : operator;
    const { rows } = await superuser.query(
      `select pg_role from platform.domains where namespace = $1`,
      [api.tenant.namespace],
    );
    await client.query(spelled(does).replaceAll('{role}', rows[0].pg_role));
    expect(await driftOf()).not.toEqual([]);
    expect(await repair(true)).toBe(how);
    expect(await driftOf()).toEqual([]);
    const { status } = await schemaNow();
    expect(status).toMatchObject({ phase: 'Ready', activeRevision: 1 });
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Ready']);
  });

  it('mends what belongs to another table in a repair of that table', async () => {
    expect(await driftOf('city')).toEqual(['trigger velocity_propagate_delete is missing']);
    await operator.query(
      spelled(
        'create trigger velocity_propagate_delete after update on {n}.city_v1 referencing old table as old_rows new table as new_rows for each statement execute function platform.propagate_delete()',
      ),
    );
    expect(await driftOf('city')).toEqual([]);
  });

  it('leaves records, history and audit that fit together, and a table that takes writes', async () => {
    const { table } = trailOf(api, 'job');
    const counted = await superuser.query(`select count(*)::integer as n from ${table}`);
    expect(counted.rows[0].n).toBe(50);
    const key = await api.keyFor('writer', ['writer']);
    const url = api.path('job');
    const made = await api.call(key, { method: 'POST', url, payload: { title: 'x', code: 'y' } });
    expect(made.statusCode, made.body).toBe(201);
    // Writes made while a trigger was off, and a column that went with its values, are not made up for.
    const problems = await trailProblems(superuser, trailOf(api, 'job'));
    expect(problems.filter((one) => one.includes(made.json().data.id))).toEqual([]);
  });

  it('says in the audit who asked for it and why', async () => {
    const { rows } = await superuser.query(
      `select actor, reason, payload from platform.audit_log where operation = 'repair-schema' order by id limit 1`,
    );
    expect(rows[0]).toMatchObject({
      ...{ actor: 'dora', reason: 'tidy up' },
      payload: {
        schema: `${api.tenant.namespace}/job`,
        steps: ['enable trigger velocity_history_update'],
      },
    });
  });

  it('that somebody rejects changes nothing, and can be asked for again', async () => {
    await operator.query(
      spelled("alter table {t} add column note text; update {t} set note = 'x' where code = 'c1'"),
    );
    expect(await repair(false)).toBe('nothing');
    const { status } = await schemaNow();
    expect(status?.phase).toBe('Drifted');
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Ready',
        message: expect.stringContaining('carl rejected the repair'),
      }),
    );
    expect(await repair(true)).toBe('approved');
    expect(await driftOf()).toEqual([]);
  });

  it('stops at records that do not fit, and says which', async () => {
    await operator.query(
      spelled(
        "alter table {t} drop constraint job_v1_amount_check; update {t} set amount = -1 where code = 'c2'",
      ),
    );
    const { generation = 1 } = (await schemaNow()).metadata;
    await requestRepair(api.operator, ref(), {
      requestedBy: 'dora',
      reason: undefined,
      generation,
    });
    const planned = await planSchemaChange(deps, ref());
    if (planned.next !== 'apply') throw new Error(planned.next);
    const { planHash, batches } = planned;
    const batch = batches.flatMap(({ names }) => names);
    const failed = await applySchemaSteps(deps, { ref: ref(), planHash, batch }).then(
      () => '',
      (error: Error) => (error.cause as Error).message,
    );
    expect(failed).toContain('job_v1_amount_check');
    const message = failed;
    await abandonSchemaChange(deps, { ref: ref(), planHash, reason: 'MigrationFailed', message });
    expect((await schemaNow()).status?.phase).toBe('Drifted');
    expect(await driftOf()).toEqual(['constraint job_v1_amount_check has never been validated']);
    await operator.query(spelled("update {t} set amount = 1 where code = 'c2'"));
    expect(await repair()).toBe('at once');
    expect(await driftOf()).toEqual([]);
  });

  it('gives way to a newer spec', async () => {
    await operator.query(
      spelled("alter table {t} add column note text; update {t} set note = 'x' where code = 'c1'"),
    );
    const { generation = 1 } = (await schemaNow()).metadata;
    await requestRepair(api.operator, ref(), {
      requestedBy: 'dora',
      reason: undefined,
      generation: generation - 1,
    });
    expect((await planSchemaChange(deps, ref())).next).toBe('nothing');
    await operator.query(spelled('alter table {t} drop column note'));
    expect(await driftOf()).toEqual([]);
  });
});

describe('a partitioned table', () => {
  it('is repaired on all of its partitions, also beside a newer version', async () => {
    const partitioning = { enabled: true, field: 'day', strategy: 'range', interval: 'monthly' };
    const fields = [
      { name: 'day', type: 'date', required: true },
      { name: 'spot', type: 'string', filterable: true },
    ];
    await api.provide(api.tenant.schema('visit', { fields, spec: { partitioning } }));
    const { table, namespace } = trailOf(api, 'visit');
    await operator.query(`insert into ${table} (day, spot) values (current_date, 'a')`);
    await operator.query(
      `drop index ${namespace}.visit_v1_spot_idx; alter table ${table} disable trigger velocity_keep_ids`,
    );
    expect(await driftOf('visit')).toEqual([
      'index visit_v1_spot_idx is missing',
      'trigger velocity_keep_ids is disabled',
    ]);
    expect(await repair(undefined, 'visit')).toBe('at once');
    expect(await driftOf('visit')).toEqual([]);

    const spec = { partitioning, version: 'v2' };
    await api.provide(api.tenant.schema('visit', { fields, spec }));
    await operator.query(`drop index ${namespace}.visit_v1_spot_idx`);
    expect(await driftOf('visit')).toEqual(['index visit_v1_spot_idx is missing']);
    expect(await repair(undefined, 'visit')).toBe('at once');
    expect(await driftOf('visit')).toEqual([]);
  });
});

async function reconcile(payload: object) {
  const url = `/api/platform/schemas/${api.tenant.namespace}/job/reconcile`;
  return api.call(api.adminKey, { method: 'POST', url, payload });
}

describe('the route', () => {
  it('shows what a repair would do, what it cannot, and does nothing', async () => {
    await superuser.query(
      spelled('alter table {t} owner to postgres; drop index {n}.job_v1_code_key'),
    );
    await driftOf();
    const { data } = (await reconcile({ mode: 'repair', dryRun: true })).json();
    expect(data).toMatchObject({ asked: false, class: 'online' });
    expect(data.steps.map(({ summary }: { summary: string }) => summary)).toEqual([
      'index job_v1_code_key',
    ]);
    expect(data.refused).toEqual([
      {
        summary: expect.stringContaining('the table is not as it was made'),
        why: expect.stringContaining('owner to velocity_operator'),
      },
    ]);
    await superuser.query(
      spelled(
        'alter table {t} owner to velocity_operator; create unique index job_v1_code_key on {t} (code)',
      ),
    );
    expect(await driftOf()).toEqual([]);
    const settled = (await reconcile({ mode: 'repair', dryRun: true })).json().data;
    expect(settled).toMatchObject({ class: 'safe', steps: [] });
  });

  it('keeps what is asked for while Temporal is away, once', async () => {
    const asked = (await reconcile({ mode: 'repair', reason: 'tidy up' })).json();
    expect(asked.data).toMatchObject({ asked: true, steps: [] });
    expect((await reconcile({ mode: 'repair' })).json().code).toBe('APPROVAL_CONFLICT');
    const { rows } = await superuser.query(
      `select requested_by, reason, (select count(*)::integer from platform.workflow_requests where workflow = 'reconcileSchema' and name = 'job') as kept
         from platform.schema_repairs`,
    );
    expect(rows).toMatchObject([{ reason: 'tidy up', kept: 1 }]);
    expect((await planSchemaChange(deps, ref())).next).toBe('nothing');
    expect((await superuser.query('select from platform.schema_repairs')).rowCount).toBe(0);
    expect((await reconcile({ mode: 'undo' })).json().code).toBe('VALIDATION_ERROR');
  });
});

describe('adopting', () => {
  it('takes over what a schema can say, refuses the rest, and ends without drift', async () => {
    await operator.query(
      spelled(`alter table {t} alter amount set default 4, alter code set not null, drop constraint job_v1_amount_check;
        create index by_town on {t} (town, title desc);
        create index by_day on {t} (date_trunc('day', created_at at time zone 'UTC'));
        alter table {t} drop constraint job_v1_title_check, add constraint job_v1_title_check check (char_length(title) <= 120);
        alter table {t} add column note text`),
    );
    await driftOf();
    const dry = (await reconcile({ mode: 'adopt', dryRun: true })).json().data;
    expect(dry).toMatchObject({ asked: false, plan: { changes: expect.anything() } });
    const answer = await reconcile({ mode: 'adopt', reason: 'it was right' });
    const { data } = answer.json();
    expect(data.refused.map(({ summary }: { summary: string }) => summary)).toEqual([
      'column note is not in the schema',
      'index by_day is not in the schema',
    ]);
    const { spec } = await schemaNow();
    expect(spec.fields).toMatchObject([
      { name: 'title', maxLength: 120 },
      { name: 'amount', type: 'integer', default: 4 },
      { name: 'code', required: true },
      { name: 'town' },
    ]);
    expect(spec.indexes).toMatchObject([
      {
        fields: [
          { name: 'town', direction: 'asc' },
          { name: 'title', direction: 'desc' },
        ],
      },
    ]);
    await api.provide(data.manifest);
    expect((await schemaNow()).status).toMatchObject({ activeRevision: 2 });
    // What the platform has made of its own is beside what was made by hand.
    expect(await driftOf()).toEqual([
      'column note is not in the schema',
      'history column note is not in the schema',
      'index by_day is not in the schema',
      'index by_town is not in the schema',
    ]);
    expect(await repair()).toBe('at once');
    expect(await driftOf()).toEqual([]);
    const key = await api.keyFor('later', ['writer']);
    const payload = { title: 'after', code: 'z' };
    const made = await api.call(key, { method: 'POST', url: api.path('job'), payload });
    expect(made.statusCode, made.body).toBe(201);
    const { rows } = await superuser.query(
      `select actor, reason, payload ->> 'schema' as schema from platform.audit_log where operation = 'adopt-drift'`,
    );
    expect(rows).toMatchObject([{ reason: 'it was right', schema: `${api.tenant.namespace}/job` }]);
  });
});
