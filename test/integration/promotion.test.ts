import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareSchemas } from '../../src/activities/drift/compare-schemas.ts';
import { closeRoute } from '../../src/activities/retire-schema.ts';
import { findCompared } from '../../src/activities/sql/drift.ts';
import { abandonMigration } from '../../src/activities/versions/abandon-migration.ts';
import { copyRecords } from '../../src/activities/versions/copy-records.ts';
import { openMigration } from '../../src/activities/versions/open-migration.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import { connect } from './records/trail.ts';
import { begin, copyAll, runPromotion } from './versions/run-promotion.ts';

/** Records move from one version of a schema to the next, step by step and without Temporal. */

let api: TestApi;
let send: Caller;
let admin: Caller;
let superuser: pg.Client;

const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
const v1 = [
  { name: 'title', type: 'string', required: true, filterable: true },
  { name: 'size', type: 'string' },
  { name: 'code', type: 'string', unique: true },
  { name: 'note', type: 'string' },
];
const v2 = [
  { name: 'subject', type: 'string', required: true, maxLength: 40 },
  { name: 'size', type: 'integer', min: 0 },
  { name: 'code', type: 'string', unique: true },
  { name: 'status', type: 'enum', enumValues: ['open', 'closed'], required: true, default: 'open' },
];
const migrateFrom = { version: 'v1', mapping: { subject: `'Re: ' + self.title` } };

beforeAll(async () => {
  api = await openTestApi();
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  admin = callerOf(api, api.adminKey);
  superuser = await connect(api.database.superuserUrl);
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

function at(object: string, version: string): string {
  return api.path(object).replace(/v1$/, version);
}

function tableOf(object: string, version: string): string {
  return `${api.tenant.namespace.replaceAll('-', '_')}.${object}_${version}`;
}

function refOf(name: string) {
  return { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name } as const;
}

async function statusOf(name: string) {
  return ((await api.deps.resources.find(refOf(name))) as SchemaDefinition).status;
}

/** Both versions served, and these records in the first. */
async function provide(name: string, records: object[], lifecycle: object = { migrateFrom }) {
  await api.provide(api.tenant.schema(name, { fields: v1, spec: writer }));
  const ids: string[] = [];
  for (const record of records) ids.push(await create(at(name, 'v1'), record));
  const spec = { ...writer, version: 'v2', lifecycle };
  await api.provide(api.tenant.schema(name, { fields: v2, spec }));
  return ids;
}

async function create(path: string, record: object): Promise<string> {
  const made = await send('POST', path, { body: record });
  expect(made.statusCode, made.body).toBe(201);
  return made.json().data.id;
}

function promote(name: string, body: object = { to: 'v2' }) {
  const url = `/api/platform/schemas/${api.tenant.namespace}/${name}/promote`;
  return admin('POST', url, { body });
}

async function promoted(name: string, body: object = { to: 'v2' }): Promise<void> {
  expect((await promote(name, body)).statusCode).toBe(202);
  await runPromotion(api.activities, refOf(name));
  await api.deps.registry.refresh();
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[][]> {
  return (await superuser.query({ text, values, rowMode: 'array' })).rows;
}

/** Triggers and tables that belong to a migration alone. */
async function leftovers(name: string): Promise<unknown[][]> {
  return rows(
    `select tgname::text from pg_trigger
      where tgrelid in ($1::regclass, $2::regclass) and tgname ~ 'copy|outbox|refuse_writes'
     union all select relname::text from pg_class where relname like $3 and relkind = 'r' order by 1`,
    [tableOf(name, 'v1'), tableOf(name, 'v2'), `${name}%outbox`],
  );
}

describe('a promotion', () => {
  it('moves every record as it is, by the mapping, and changes sides', async () => {
    const ids = await provide('order', [
      { title: 'one', size: '1', code: 'a' },
      { title: 'two', note: 'left behind' },
      { title: 'gone', code: 'c' },
    ]);
    await send('PATCH', `${at('order', 'v1')}/${ids[0]}`, { body: { size: '11', version: 1 } });
    await send('DELETE', `${at('order', 'v1')}/${ids[2]}`);
    await promoted('order', { to: 'v2', sunset: '30d' });

    const system = 'id, version, created_at, created_by, updated_at, updated_by, deleted_at';
    const before = await rows(`select ${system} from ${tableOf('order', 'v1')} order by id`);
    expect(await rows(`select ${system} from ${tableOf('order', 'v2')} order by id`)).toEqual(
      before,
    );
    expect(before.map((row) => row[1])).toEqual(['2', '1', '2']);
    const own = 'subject, size, code, status';
    expect(await rows(`select ${own} from ${tableOf('order', 'v2')} order by id`)).toEqual([
      ['Re: one', '11', 'a', 'open'],
      ['Re: two', null, null, 'open'],
      ['Re: gone', null, 'c', 'open'],
    ]);
    expect(await leftovers('order')).toEqual([['velocity_refuse_writes']]);
    const compared = await compareSchemas(
      api.operator,
      await findCompared(api.operator, refOf('order')),
    );
    expect(compared.map(({ items }) => items)).toEqual([[], []]);

    const read = await send('GET', `${at('order', 'v1')}/${ids[0]}`);
    expect(read.json().data.size).toBe('11');
    expect(read.headers['link']).toBe(`<${at('order', 'v2')}>; rel="successor-version"`);
    expect(read.headers['deprecation']).toMatch(/^@\d{10}$/);
    const days = (Date.parse(String(read.headers['sunset'])) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    const refused = await send('POST', at('order', 'v1'), { body: { title: 'late' } });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    expect(refused.json().hint).toContain(at('order', 'v2'));

    const changed = await send('PATCH', `${at('order', 'v2')}/${ids[0]}`, {
      body: { subject: 'changed', version: 2 },
    });
    expect(changed.json().data.version).toBe(3);
    await create(at('order', 'v2'), { subject: 'new' });
    expect(await statusOf('order')).toMatchObject({
      phase: 'Ready',
      migration: { from: 'v1', to: 'v2', state: 'done', copied: 3 },
      versions: [
        { version: 'v1', state: 'superseded', successor: 'v2' },
        { version: 'v2', state: 'serving' },
      ],
    });
  });

  it('begins the history with the state that came, and audits batches', async () => {
    const [id] = (await rows(`select id from ${tableOf('order', 'v1')} order by id`))[0] as [
      string,
    ];
    const history = await rows(
      `select h._operation, h.version, h._occurred_at = h.updated_at, a.operation, a.actor
         from ${tableOf('order', 'v2')}_history h left join platform.audit_log a on a.id = h._audit_id
        where h.id = $1 order by h.version`,
      [id],
    );
    expect(history).toEqual([
      ['copy', '2', true, 'copy', 'platform-admin'],
      ['update', '3', true, 'update', 'wanda'],
    ]);
    expect(
      await rows(
        `select a.previous_id = h._audit_id from platform.audit_log a
           join ${tableOf('order', 'v2')}_history h on h.id = a.entity_id and h.version = 2
          where a.entity_id = $1 and a.entity_version = 3`,
        [id],
      ),
    ).toEqual([[true]]);
    expect(
      await rows(
        `select operation, payload ->> 'records' from platform.audit_log
          where path like '%/order/v2' and entity_id is null order by id`,
      ),
    ).toEqual([
      ['open-copy', null],
      ['copy', '3'],
      ['close-copy', null],
    ]);
    expect((await rows(`select count(*) from ${tableOf('order', 'v1')}_history`))[0]).toEqual([
      '5',
    ]);
  });

  it('is refused a second time, and where nothing can be taken over', async () => {
    const again = await promote('order');
    expect([again.statusCode, again.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    const other = await promote('order', { to: 'v3' });
    expect(other.json().details.problems[0]).toMatchObject({ pointer: '/to', rule: 'newest' });
    const wrong = await promote('order', { to: 'two', sunset: 'soon', now: 1 });
    expect(
      wrong.json().details.problems.map(({ pointer }: { pointer: string }) => pointer),
    ).toEqual(['/now', '/to', '/sunset']);
  });

  it('takes its time only once, however often it is asked for', async () => {
    await provide('twice', [{ title: 'x' }]);
    const [one, two] = [
      await promote('twice', { to: 'v2', hold: true }),
      await promote('twice', { to: 'v2', hold: true }),
    ];
    expect(two.json().data).toEqual(one.json().data);
    const released = await promote('twice');
    expect(released.json().data).toMatchObject({ id: one.json().data.id, hold: false });
    await runPromotion(api.activities, refOf('twice'));
  });
});

describe('references', () => {
  it('follow the records: those of a version left behind hold nothing up', async () => {
    await api.provide(api.tenant.schema('city', { fields: v1.slice(0, 1), spec: writer }));
    const city = await create(at('city', 'v1'), { title: 'Paris' });
    const free = await create(at('city', 'v1'), { title: 'Rome' });
    const name = { name: 'name', type: 'string' };
    const parent = (version: string) => ({
      ...{ name: 'parent', type: 'ref', ref: api.tenant.reference('road', { version }) },
    });
    const town = { name: 'town', type: 'ref', ref: api.tenant.reference('city') };
    const road = (version: string, fields: object[]) =>
      api.provide(
        api.tenant.schema('road', {
          fields: [name, parent(version), ...fields],
          spec: { ...writer, version },
        }),
      );
    await road('v1', [town]);
    const root = await create(at('road', 'v1'), { name: 'root', town: city });
    const leaf = await create(at('road', 'v1'), { name: 'leaf', town: free, parent: root });
    // The one that is copied first refers to the one that comes after it.
    await send('PATCH', `${at('road', 'v1')}/${root}`, { body: { parent: leaf, version: 1 } });
    await road('v2', []);
    expect((await send('DELETE', `${at('city', 'v1')}/${city}`)).statusCode).toBe(409);
    await promoted('road');
    expect((await send('DELETE', `${at('city', 'v1')}/${city}`)).statusCode).toBe(204);
    expect((await send('GET', `${at('road', 'v1')}/${root}`)).json().data.town).toBe(city);
    const lost = '00000000-0000-7000-8000-000000000000';
    const refused = await send('POST', at('road', 'v2'), { body: { name: 'x', parent: lost } });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'REFERENCE_CONFLICT']);
    expect(
      await rows(
        `select convalidated from pg_constraint where conrelid = $1::regclass and contype = 'f'`,
        [tableOf('road', 'v2')],
      ),
    ).toEqual([[true]]);
  });
});

describe('while records move', () => {
  it('the new version is read, and written by the migration alone', async () => {
    await provide('receiving', [{ title: 'x' }]);
    await promote('receiving');
    const step = await begin(api.activities, refOf('receiving'));
    const stale = await send('POST', at('receiving', 'v2'), { body: { subject: 'early' } });
    expect([stale.statusCode, stale.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    await copyAll(api.activities, step);
    expect((await send('GET', at('receiving', 'v2'))).json().data).toHaveLength(1);
    const listed = (await send('GET', '/api')).json().data as {
      path: string;
      operations: string[];
    }[];
    const found = listed.find(({ path }) => path.endsWith('receiving/v2'));
    expect(found?.operations).toEqual(['read']);
  });

  it('a spec waits, and a deletion is refused', async () => {
    const spec = { ...writer, version: 'v2', description: 'later', lifecycle: { migrateFrom } };
    await api.provide(api.tenant.schema('receiving', { fields: v2, spec }));
    expect((await statusOf('receiving'))?.phase).toBe('Pending');
    expect(await closeRoute(api.activities, refOf('receiving'))).toMatchObject({
      outcome: { reason: 'MigrationRunning' },
    });
    await runPromotion(api.activities, refOf('receiving'));
  });

  it('a change that commits late is taken over (guarantee 9)', async () => {
    const [id] = await provide('late', [{ title: 'x' }, { title: 'y' }]);
    await promote('late');
    const step = await begin(api.activities, refOf('late'));
    await copyAll(api.activities, step);
    const late = await connect(api.database.operatorUrl);
    const table = tableOf('late', 'v1');
    try {
      // Takes its number first, and commits last.
      await late.query(
        `begin; update ${table} set note = 'late', title = 'late' where id = '${id}'`,
      );
      await create(at('late', 'v1'), { title: 'quick' });
      await copyRecords(api.activities, step);
      await late.query('commit');
    } finally {
      await late.end();
    }
    await runPromotion(api.activities, refOf('late'));
    expect(
      await rows(`select subject, version from ${tableOf('late', 'v2')} order by subject`),
    ).toEqual([
      ['Re: late', '2'],
      ['Re: quick', '1'],
      ['Re: y', '1'],
    ]);
  });

  it('values that change places never meet themselves', async () => {
    const [a, b] = await provide('places', [
      { title: 'a', code: 'x' },
      { title: 'b', code: 'y' },
    ]);
    await promote('places');
    const step = await begin(api.activities, refOf('places'));
    await copyAll(api.activities, step);
    for (const [id, code, version] of [
      [a, 'z', 1],
      [b, 'x', 1],
      [a, 'y', 2],
    ] as const) {
      const body = { code, version };
      expect((await send('PATCH', `${at('places', 'v1')}/${id}`, { body })).statusCode).toBe(200);
    }
    await runPromotion(api.activities, refOf('places'));
    expect(
      await rows(`select subject, code from ${tableOf('places', 'v2')} order by subject`),
    ).toEqual([
      ['Re: a', 'y'],
      ['Re: b', 'x'],
    ]);
  });
});

describe('a promotion that cannot be', () => {
  it('says which records do not fit, and leaves both versions as they were', async () => {
    await provide('unfit', [
      { title: 'one', size: 'large' },
      { title: 'x'.repeat(50), size: '2' },
    ]);
    const kept = await create(at('unfit', 'v2'), { subject: 'of its own' });
    await promote('unfit');
    await expect(runPromotion(api.activities, refOf('unfit'))).rejects.toThrow(
      /1 record have a subject outside its limits, .* for one; 1 record have a size that is no integer/,
    );
    expect(await leftovers('unfit')).toEqual([]);
    expect((await statusOf('unfit'))?.migration).toMatchObject({ state: 'failed' });
    await api.deps.registry.refresh();
    await create(at('unfit', 'v1'), { title: 'goes on' });
    const patched = await send('PATCH', `${at('unfit', 'v2')}/${kept}`, {
      body: { subject: 'goes on too', version: 1 },
    });
    expect(patched.statusCode, patched.body).toBe(200);
  });

  it('takes back what it copied, and can be tried again', async () => {
    await provide(
      'undone',
      Array.from({ length: 5 }, (_, n) => ({ title: `t${n}`, code: `c${n}` })),
    );
    const own = await create(at('undone', 'v2'), { subject: 'own' });
    await promote('undone');
    const step = await begin(api.activities, refOf('undone'));
    await copyAll(api.activities, step);
    expect(await rows(`select count(*) from ${tableOf('undone', 'v2')}`)).toEqual([['6']]);
    await abandonMigration(api.activities, { ...step, state: 'cancelled', message: 'why not' });
    expect(await rows(`select id from ${tableOf('undone', 'v2')}`)).toEqual([[own]]);
    expect(await rows(`select id from ${tableOf('undone', 'v2')}_history`)).toEqual([[own]]);
    expect(await leftovers('undone')).toEqual([]);
    await api.deps.registry.refresh();
    await promoted('undone');
    expect(await rows(`select count(*) from ${tableOf('undone', 'v2')}`)).toEqual([['6']]);
  });

  it('names fields that come from nothing', async () => {
    await provide('unmapped', [{ title: 'x' }], {
      migrateFrom: { version: 'v1', mapping: { size: 'self.titel' } },
    });
    await promote('unmapped');
    expect(await openMigration(api.activities, refOf('unmapped'))).toEqual({ next: 'nothing' });
    const message = (await statusOf('unmapped'))?.migration?.message;
    expect(message).toContain('subject is required and comes from nothing: map it');
    expect(message).toContain('the mapping of size:');
  });
});

describe('the past', () => {
  it('cannot be invented through a copy', async () => {
    const [id] = await provide('forged', [{ title: 'x' }]);
    await promote('forged');
    const step = await begin(api.activities, refOf('forged'));
    await copyAll(api.activities, step);
    const operator = await connect(api.database.operatorUrl);
    const table = tableOf('forged', 'v2');
    const forge = async (text: string): Promise<string> => {
      const work = `begin; set local velocity.migration = '${step.id}'; ${text}; commit`;
      const error = await operator.query(work).then(
        () => undefined,
        (cause: Error) => cause,
      );
      await operator.query('rollback');
      return error?.message ?? 'done';
    };
    try {
      const invented = `insert into ${table} (subject, created_at, created_by) values ('old', '2001-01-01', 'ada')`;
      expect(await forge(invented)).toContain('are not what the history of forged_v1 says');
      expect(await forge(`update ${table} set subject = 'other'`)).toContain('takes no writes');
      await runPromotion(api.activities, refOf('forged'));
      expect(await forge(invented)).toBe('done');
      expect(await rows(`select created_by from ${table} where subject = 'old'`)).toEqual([
        ['velocity_operator'],
      ]);
      // What was kept is kept, even from whoever owns the table and opens another copy into it.
      const [namespace] = table.split('.');
      const reopen = `select platform.open_copy('${namespace}', 'forged_v2', 'forged_v1', 1, '${step.id}');
        create trigger again after delete on ${table} referencing old table as old_rows
          for each statement execute function platform.write_copy();
        delete from ${table} where id = '${id}'`;
      expect(await forge(reopen)).toContain('were not copied: they stay');
      expect(await rows(`select count(*) from ${table}_history where _operation = 'copy'`)).toEqual(
        [['1']],
      );
    } finally {
      await operator.end();
    }
  });
});
