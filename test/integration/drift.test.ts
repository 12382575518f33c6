import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareSchemas } from '../../src/activities/drift/compare-schemas.ts';
import { findCompared } from '../../src/activities/sql/drift.ts';
import type { DriftItem } from '../../src/schema/compare-shapes.ts';
import { describeDrift } from '../../src/schema/compare-shapes.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf } from './records/trail.ts';

let api: TestApi;
let superuser: pg.Client;
let operator: pg.Client;

const fields = [
  { name: 'title', type: 'string', required: true, filterable: true, maxLength: 80 },
  { name: 'amount', type: 'integer', min: 0, default: 3 },
  { name: 'state', type: 'enum', enumValues: ['open', 'done'] },
  { name: 'code', type: 'string', unique: true },
];

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  operator = await connect(api.database.operatorUrl);
  await api.provide(api.tenant.schema('city'));
  const town = { name: 'town', type: 'ref', ref: api.tenant.reference('city') };
  await api.provide(api.tenant.schema('job', { fields: [...fields, town] }));
  const { table, namespace } = trailOf(api, 'job');
  const { rows } = await superuser.query(
    `select (select format('alter policy velocity_records on %s using (%s)', $1::text, pg_get_expr(polqual, polrelid))
               from pg_policy where polrelid = $1::regclass and polname = 'velocity_records') as policy,
            pg_get_functiondef(format('%s.job_v1_history_create', $2::text)::regproc) as functions`,
    [table, namespace],
  );
  ({ policy, functions } = rows[0]);
});

afterAll(async () => {
  await operator?.end();
  await superuser?.end();
  await api?.close();
});

async function driftOf(name: string): Promise<readonly DriftItem[]> {
  const revisions = await findCompared(api.operator, { namespace: api.tenant.namespace, name });
  const [compared] = await compareSchemas(api.operator, revisions);
  return compared?.items ?? [];
}

let policy = '';
let functions = '';

function spelled(text: string): string {
  const { table, history, namespace } = trailOf(api, 'job');
  return text
    .replaceAll('{policy}', policy)
    .replaceAll('{functions}', functions)
    .replaceAll('{t}', table)
    .replaceAll('{h}', history)
    .replaceAll('{n}', namespace);
}

interface Hand {
  /** What somebody does at psql; {t} is the record table, {h} its history, {n} their namespace. */
  readonly does: string;
  /** Who can: the owner of the table unless it says otherwise. */
  readonly as?: 'superuser';
  readonly found: readonly string[];
  readonly undo: string;
}

const unseen = ': writes leave no history and no audit';
const seen = ': check who may see and own the records';

const hands: readonly Hand[] = [
  {
    does: 'alter table {t} disable trigger velocity_history_update',
    found: [`trigger velocity_history_update is disabled${unseen}`],
    undo: 'alter table {t} enable trigger velocity_history_update',
  },
  {
    does: 'alter table {t} enable replica trigger velocity_history_create',
    found: [`trigger velocity_history_create is not as it was made${unseen}`],
    undo: 'alter table {t} enable trigger velocity_history_create',
  },
  {
    does: 'create trigger swallow before insert on {t} for each row execute function suppress_redundant_updates_trigger()',
    found: ['trigger swallow is not in the schema'],
    undo: 'drop trigger swallow on {t}',
  },
  {
    does: 'create rule nothing as on update to {t} do instead nothing',
    found: ['rule nothing is not in the schema: writes may do something else than they say'],
    undo: 'drop rule nothing on {t}',
  },
  {
    does: 'alter table {t} no force row level security',
    found: [`the table is not as it was made${seen}`],
    undo: 'alter table {t} force row level security',
  },
  {
    does: 'create policy wide on {t} using (true)',
    found: [`policy wide is not in the schema${seen}`],
    undo: 'drop policy wide on {t}',
  },
  {
    does: 'alter policy velocity_records on {t} using (true)',
    found: [`policy velocity_records is not as it was made${seen}`],
    undo: '{policy}',
  },
  {
    does: 'grant delete on {t} to velocity_api; grant update (title) on {t} to public',
    found: [
      'right public on title is not in the schema',
      'right velocity_api is not in the schema',
    ],
    undo: 'revoke delete on {t} from velocity_api; revoke update (title) on {t} from public',
  },
  {
    does: 'alter table {t} add column note text',
    found: ['column note is not in the schema'],
    undo: 'alter table {t} drop column note',
  },
  {
    does: 'alter table {t} rename column state to stage',
    found: [
      'column stage is not in the schema',
      'column state is missing',
      'constraint job_v1_state_check is not as it was made',
    ],
    undo: 'alter table {t} rename column stage to state',
  },
  {
    does: 'alter table {t} alter amount type numeric, alter amount set default 4',
    found: [
      'column amount is not as it was made',
      'constraint job_v1_amount_check is not as it was made',
    ],
    undo: "alter table {t} alter amount drop default; alter table {t} alter amount type bigint; alter table {t} alter amount set default '3'::bigint",
  },
  {
    does: 'alter table {t} alter title drop not null',
    found: ['column title is not as it was made'],
    undo: 'alter table {t} alter title set not null',
  },
  {
    does: 'alter table {t} drop constraint job_v1_amount_check',
    found: ['constraint job_v1_amount_check is missing'],
    undo: "alter table {t} add constraint job_v1_amount_check check (amount >= '0'::numeric)",
  },
  {
    does: "alter table {t} drop constraint job_v1_amount_check, add constraint job_v1_amount_check check (amount >= '0'::numeric) not valid",
    found: ['constraint job_v1_amount_check has never been validated'],
    undo: 'alter table {t} validate constraint job_v1_amount_check',
  },
  {
    does: 'alter table {t} drop constraint job_v1_town_fkey, add constraint job_v1_town_fkey foreign key (town) references {n}.city_v1 on delete cascade',
    found: ['constraint job_v1_town_fkey is not as it was made'],
    undo: 'alter table {t} drop constraint job_v1_town_fkey, add constraint job_v1_town_fkey foreign key (town) references {n}.city_v1',
  },
  {
    does: 'alter table {t} disable trigger all',
    as: 'superuser',
    found: [
      'constraint job_v1_town_fkey is disabled',
      'trigger velocity_first_version is disabled',
      `trigger velocity_history_create is disabled${unseen}`,
      `trigger velocity_history_purge is disabled${unseen}`,
      `trigger velocity_history_update is disabled${unseen}`,
      'trigger velocity_raise_version is disabled',
      'trigger velocity_refuse_truncate is disabled',
    ],
    undo: 'alter table {t} enable trigger all',
  },
  {
    does: 'drop index {n}.job_v1_code_key; create index by_amount on {t} (amount)',
    found: ['index by_amount is not in the schema', 'index job_v1_code_key is missing'],
    undo: 'drop index {n}.by_amount; create unique index job_v1_code_key on {t} (code)',
  },
  {
    does: "update pg_index set indisvalid = false where indexrelid = '{n}.job_v1_code_key'::regclass",
    as: 'superuser',
    found: ['index job_v1_code_key is not valid: it was never finished'],
    undo: "update pg_index set indisvalid = true where indexrelid = '{n}.job_v1_code_key'::regclass",
  },
  {
    does: 'alter table {t} owner to postgres',
    as: 'superuser',
    found: [`the table is not as it was made${seen}`],
    undo: 'alter table {t} owner to velocity_operator',
  },
  {
    does: 'alter function {n}.job_v1_history_update() owner to velocity_operator; alter table {h} add column more text',
    as: 'superuser',
    found: [
      'history column more is not in the schema',
      'history function job_v1_history_update is not as it was made',
    ],
    undo: 'alter function {n}.job_v1_history_update() owner to velocity_audit; alter table {h} drop column more',
  },
  {
    does: "create or replace function {n}.job_v1_history_create() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as 'begin return null; end'",
    as: 'superuser',
    found: ['history function job_v1_history_create is not as it was made'],
    undo: '{functions}',
  },
  {
    does: 'grant delete on {h} to velocity_api',
    as: 'superuser',
    found: ['history right velocity_api is not in the schema'],
    undo: 'revoke delete on {h} from velocity_api',
  },
];

describe('drift', () => {
  it('is none in what was made a moment ago', async () => {
    expect(await driftOf('city')).toEqual([]);
    expect(await driftOf('job')).toEqual([]);
  });

  it.each(hands)('is found and named: $does', async ({ does, as, found, undo }) => {
    const client = as === 'superuser' ? superuser : operator;
    await client.query(spelled(does));
    try {
      expect((await driftOf('job')).map(describeDrift)).toEqual(found);
    } finally {
      await client.query(spelled(undo));
    }
    expect(await driftOf('job')).toEqual([]);
  });
});
