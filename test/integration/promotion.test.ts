import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareSchemas } from '../../src/activities/drift/compare-schemas.ts';
import { closeRoute } from '../../src/activities/retire-schema.ts';
import { findCompared } from '../../src/activities/sql/drift.ts';
import { copyRecords } from '../../src/activities/versions/copy-records.ts';
import { dropVersion } from '../../src/activities/versions/drop-version.ts';
import { connect } from './records/trail.ts';
import { begin, copyAll, runPromotion } from './versions/run-promotion.ts';
import type { VersionsApi } from './versions/versions-api.ts';
import { migrateFrom, openVersionsApi, v1, v2, writer } from './versions/versions-api.ts';

/** Records move from one version of a schema to the next, step by step and without Temporal. */

let both: VersionsApi;

beforeAll(async () => {
  both = await openVersionsApi();
});

afterAll(() => both?.close());

describe('a promotion', () => {
  it('moves every record as it is, by the mapping, and changes sides', async () => {
    const ids = await both.provide('order', [
      { title: 'one', size: '1', code: 'a' },
      { title: 'two', note: 'left behind' },
      { title: 'gone', code: 'c' },
    ]);
    await both.send('PATCH', `${both.at('order', 'v1')}/${ids[0]}`, {
      body: { size: '11', version: 1 },
    });
    await both.send('DELETE', `${both.at('order', 'v1')}/${ids[2]}`);
    await both.promoted('order', { to: 'v2', sunset: '30d' });

    const system = 'id, version, created_at, created_by, updated_at, updated_by, deleted_at';
    const before = await both.rows(
      `select ${system} from ${both.tableOf('order', 'v1')} order by id`,
    );
    expect(
      await both.rows(`select ${system} from ${both.tableOf('order', 'v2')} order by id`),
    ).toEqual(before);
    expect(before.map((row) => row[1])).toEqual(['2', '1', '2']);
    const own = 'subject, size, code, status';
    expect(
      await both.rows(`select ${own} from ${both.tableOf('order', 'v2')} order by id`),
    ).toEqual([
      ['Re: one', '11', 'a', 'open'],
      ['Re: two', null, null, 'open'],
      ['Re: gone', null, 'c', 'open'],
    ]);
    expect(await both.leftovers('order')).toEqual([['velocity_refuse_writes']]);
    const compared = await compareSchemas(
      both.api.operator,
      await findCompared(both.api.operator, both.refOf('order')),
    );
    expect(compared.map(({ items }) => items)).toEqual([[], []]);

    const read = await both.send('GET', `${both.at('order', 'v1')}/${ids[0]}`);
    expect(read.json().data.size).toBe('11');
    expect(read.headers['link']).toBe(`<${both.at('order', 'v2')}>; rel="successor-version"`);
    expect(read.headers['deprecation']).toMatch(/^@\d{10}$/);
    const days = (Date.parse(String(read.headers['sunset'])) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    const refused = await both.send('POST', both.at('order', 'v1'), { body: { title: 'late' } });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    expect(refused.json().hint).toContain(both.at('order', 'v2'));

    const changed = await both.send('PATCH', `${both.at('order', 'v2')}/${ids[0]}`, {
      body: { subject: 'changed', version: 2 },
    });
    expect(changed.json().data.version).toBe(3);
    await both.create(both.at('order', 'v2'), { subject: 'new' });
    expect(await both.statusOf('order')).toMatchObject({
      phase: 'Ready',
      migration: { from: 'v1', to: 'v2', state: 'done', copied: 3 },
      versions: [
        { version: 'v1', state: 'superseded', successor: 'v2' },
        { version: 'v2', state: 'serving' },
      ],
    });
  });

  it('begins the history with the state that came, and audits batches', async () => {
    const [id] = (
      await both.rows(`select id from ${both.tableOf('order', 'v1')} order by id`)
    )[0] as [string];
    const history = await both.rows(
      `select h._operation, h.version, h._occurred_at = h.updated_at, a.operation, a.actor
         from ${both.tableOf('order', 'v2')}_history h left join platform.audit_log a on a.id = h._audit_id
        where h.id = $1 order by h.version`,
      [id],
    );
    expect(history).toEqual([
      ['copy', '2', true, 'copy', 'platform-admin'],
      ['update', '3', true, 'update', 'wanda'],
    ]);
    expect(
      await both.rows(
        `select a.previous_id = h._audit_id from platform.audit_log a
           join ${both.tableOf('order', 'v2')}_history h on h.id = a.entity_id and h.version = 2
          where a.entity_id = $1 and a.entity_version = 3`,
        [id],
      ),
    ).toEqual([[true]]);
    expect(
      await both.rows(
        `select operation, payload ->> 'records' from platform.audit_log
          where path like '%/order/v2' and entity_id is null order by id`,
      ),
    ).toEqual([
      ['open-copy', null],
      ['copy', '3'],
      ['close-copy', null],
    ]);
    expect(
      (await both.rows(`select count(*) from ${both.tableOf('order', 'v1')}_history`))[0],
    ).toEqual(['5']);
  });

  it('is refused a second time, and where nothing can be taken over', async () => {
    await both.api.provide(both.api.tenant.schema('alone', { fields: v1, spec: writer }));
    const alone = await both.promote('alone', { to: 'v1' });
    expect(alone.json()).toMatchObject({ status: 409, code: 'APPROVAL_CONFLICT' });
    expect(alone.json().detail).toContain('no earlier version');
    const again = await both.promote('order');
    expect([again.statusCode, again.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    const other = await both.promote('order', { to: 'v3' });
    expect(other.json().details.problems[0]).toMatchObject({ pointer: '/to', rule: 'newest' });
    const wrong = await both.promote('order', { to: 'two', sunset: 'soon', now: 1 });
    expect(
      wrong.json().details.problems.map(({ pointer }: { pointer: string }) => pointer),
    ).toEqual(['/now', '/to', '/sunset']);
  });

  it('takes its time only once, however often it is asked for', async () => {
    await both.provide('twice', [{ title: 'x' }]);
    const [one, two] = [
      await both.promote('twice', { to: 'v2', hold: true }),
      await both.promote('twice', { to: 'v2', hold: true }),
    ];
    expect(two.json().data).toEqual(one.json().data);
    const released = await both.promote('twice');
    expect(released.json().data).toMatchObject({ id: one.json().data.id, hold: false });
    await runPromotion(both.api.activities, both.refOf('twice'));
  });
});

describe('references', () => {
  it('follow the records: those of a version left behind hold nothing up', async () => {
    await both.api.provide(
      both.api.tenant.schema('city', { fields: v1.slice(0, 1), spec: writer }),
    );
    const city = await both.create(both.at('city', 'v1'), { title: 'Paris' });
    const free = await both.create(both.at('city', 'v1'), { title: 'Rome' });
    const name = { name: 'name', type: 'string' };
    const parent = (version: string) => ({
      ...{ name: 'parent', type: 'ref', ref: both.api.tenant.reference('road', { version }) },
    });
    const town = { name: 'town', type: 'ref', ref: both.api.tenant.reference('city') };
    const road = (version: string, fields: object[]) =>
      both.api.provide(
        both.api.tenant.schema('road', {
          fields: [name, parent(version), ...fields],
          spec: { ...writer, version },
        }),
      );
    await road('v1', [town]);
    const root = await both.create(both.at('road', 'v1'), { name: 'root', town: city });
    const leaf = await both.create(both.at('road', 'v1'), {
      name: 'leaf',
      town: free,
      parent: root,
    });
    // The one that is copied first refers to the one that comes after it.
    await both.send('PATCH', `${both.at('road', 'v1')}/${root}`, {
      body: { parent: leaf, version: 1 },
    });
    await road('v2', []);
    expect((await both.send('DELETE', `${both.at('city', 'v1')}/${city}`)).statusCode).toBe(409);
    await both.promoted('road');
    expect((await both.send('DELETE', `${both.at('city', 'v1')}/${city}`)).statusCode).toBe(204);
    expect((await both.send('GET', `${both.at('road', 'v1')}/${root}`)).json().data.town).toBe(
      city,
    );
    const lost = '00000000-0000-7000-8000-000000000000';
    const refused = await both.send('POST', both.at('road', 'v2'), {
      body: { name: 'x', parent: lost },
    });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'REFERENCE_CONFLICT']);
    expect(
      await both.rows(
        `select convalidated from pg_constraint where conrelid = $1::regclass and contype = 'f'`,
        [both.tableOf('road', 'v2')],
      ),
    ).toEqual([[true]]);
  });
});

describe('a version left behind', () => {
  const drop = (name: string) =>
    dropVersion(both.api.activities, { ref: both.refOf(name), version: 'v1' });

  it('stays until its sunset, and for as long as others refer to it', async () => {
    const [id] = await both.provide('ending', [{ title: 'x' }]);
    const ref = both.api.tenant.reference('ending');
    const user = { fields: [{ name: 'one', type: 'ref', ref }], spec: writer };
    await both.api.provide(both.api.tenant.schema('user', user));
    await both.promoted('ending', { to: 'v2', sunset: '1s' });
    expect(await drop('ending')).toMatchObject({ reason: 'Referenced' });
    await sleep(1_100);
    expect((await both.send('GET', `${both.at('ending', 'v1')}/${id}`)).statusCode).toBe(200);
    const moved = {
      ...user,
      fields: [{ name: 'one', type: 'ref', ref: { ...ref, version: 'v2' } }],
    };
    await both.api.provide(both.api.tenant.schema('user', moved));
    await both.api.deps.registry.refresh();
    const retired = await both.send('GET', `${both.at('ending', 'v1')}/${id}`);
    expect([retired.statusCode, retired.json().code]).toEqual([410, 'VERSION_RETIRED']);
    expect(retired.headers['link']).toContain(both.at('ending', 'v2'));
  });

  it('goes with its table when somebody says so, and is remembered', async () => {
    const table = both.tableOf('ending', 'v1');
    expect(await both.rows(`select count(*) from ${table}`)).toEqual([['1']]);
    expect(await drop('ending')).toMatchObject({ reason: 'Dropped' });
    expect(
      await both.rows(`select to_regclass($1), to_regclass($1 || '_history')`, [table]),
    ).toEqual([[null, null]]);
    await both.api.deps.registry.refresh();
    const gone = await both.send('GET', both.at('ending', 'v1'));
    expect([gone.statusCode, gone.headers['link']]).toEqual([
      410,
      `<${both.at('ending', 'v2')}>; rel="successor-version"`,
    ]);
    expect((await both.send('GET', both.at('ending', 'v2'))).json().data).toHaveLength(1);
    const versions = (await both.statusOf('ending'))?.versions;
    expect(versions?.map(({ version }) => version)).toEqual(['v2']);
  });

  it('is kept where it was promised for longer', async () => {
    expect(await drop('order')).toMatchObject({ reason: 'BeforeSunset' });
    const newest = { ref: both.refOf('order'), version: 'v2' };
    expect(await dropVersion(both.api.activities, newest)).toMatchObject({
      reason: 'NewestVersion',
    });
    expect((await both.send('GET', both.at('order', 'v1'))).statusCode).toBe(200);
  });
});

describe('while records move', () => {
  it('the new version is read, and written by the migration alone', async () => {
    await both.provide('receiving', [{ title: 'x' }]);
    await both.promote('receiving');
    const step = await begin(both.api.activities, both.refOf('receiving'));
    const stale = await both.send('POST', both.at('receiving', 'v2'), {
      body: { subject: 'early' },
    });
    expect([stale.statusCode, stale.json().code]).toEqual([409, 'SCHEMA_FROZEN']);
    await copyAll(both.api.activities, step);
    expect((await both.send('GET', both.at('receiving', 'v2'))).json().data).toHaveLength(1);
    const listed = (await both.send('GET', '/api')).json().data as {
      path: string;
      operations: string[];
    }[];
    const found = listed.find(({ path }) => path.endsWith('receiving/v2'));
    expect(found?.operations).toEqual(['read']);
  });

  it('a spec waits, and a deletion is refused', async () => {
    const spec = { ...writer, version: 'v2', description: 'later', lifecycle: { migrateFrom } };
    await both.api.provide(both.api.tenant.schema('receiving', { fields: v2, spec }));
    expect((await both.statusOf('receiving'))?.phase).toBe('Pending');
    expect(await closeRoute(both.api.activities, both.refOf('receiving'))).toMatchObject({
      outcome: { reason: 'MigrationRunning' },
    });
    await runPromotion(both.api.activities, both.refOf('receiving'));
  });

  it('a change that commits late is taken over (guarantee 9)', async () => {
    const [id] = await both.provide('late', [{ title: 'x' }, { title: 'y' }]);
    await both.promote('late');
    const step = await begin(both.api.activities, both.refOf('late'));
    await copyAll(both.api.activities, step);
    const late = await connect(both.api.database.operatorUrl);
    const table = both.tableOf('late', 'v1');
    try {
      // Takes its number first, and commits last.
      await late.query(
        `begin; update ${table} set note = 'late', title = 'late' where id = '${id}'`,
      );
      await both.create(both.at('late', 'v1'), { title: 'quick' });
      await copyRecords(both.api.activities, step);
      await late.query('commit');
    } finally {
      await late.end();
    }
    await runPromotion(both.api.activities, both.refOf('late'));
    expect(
      await both.rows(
        `select subject, version from ${both.tableOf('late', 'v2')} order by subject`,
      ),
    ).toEqual([
      ['Re: late', '2'],
      ['Re: quick', '1'],
      ['Re: y', '1'],
    ]);
  });

  it('values that change places never meet themselves', async () => {
    const [a, b] = await both.provide('places', [
      { title: 'a', code: 'x' },
      { title: 'b', code: 'y' },
    ]);
    await both.promote('places');
    const step = await begin(both.api.activities, both.refOf('places'));
    await copyAll(both.api.activities, step);
    for (const [id, code, version] of [
      [a, 'z', 1],
      [b, 'x', 1],
      [a, 'y', 2],
    ] as const) {
      const body = { code, version };
      expect(
        (await both.send('PATCH', `${both.at('places', 'v1')}/${id}`, { body })).statusCode,
      ).toBe(200);
    }
    await runPromotion(both.api.activities, both.refOf('places'));
    expect(
      await both.rows(`select subject, code from ${both.tableOf('places', 'v2')} order by subject`),
    ).toEqual([
      ['Re: a', 'y'],
      ['Re: b', 'x'],
    ]);
  });
});
