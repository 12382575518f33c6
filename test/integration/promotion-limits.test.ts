import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { abandonMigration } from '../../src/activities/versions/abandon-migration.ts';
import { keepInStep } from '../../src/activities/versions/keep-in-step.ts';
import { openMigration } from '../../src/activities/versions/open-migration.ts';
import { checkRecords } from '../../src/activities/versions/verify-migration.ts';
import { connect } from './records/trail.ts';
import { begin, copyAll, runPromotion } from './versions/run-promotion.ts';
import type { VersionsApi } from './versions/versions-api.ts';
import { openVersionsApi } from './versions/versions-api.ts';

/** What stops a promotion, what is left of it then, and what nobody can do by way of one. */

let both: VersionsApi;

beforeAll(async () => {
  both = await openVersionsApi();
});

afterAll(() => both?.close());

describe('a promotion that cannot be', () => {
  it('says which records do not fit, and leaves both versions as they were', async () => {
    await both.provide('unfit', [
      { title: 'one', size: 'large' },
      { title: 'x'.repeat(50), size: '2' },
    ]);
    const kept = await both.create(both.at('unfit', 'v2'), { subject: 'of its own' });
    await both.promote('unfit');
    await expect(runPromotion(both.api.activities, both.refOf('unfit'))).rejects.toThrow(
      /1 record has a subject outside its limits: .*; 1 record has a value of size that is no integer without loss: /,
    );
    expect(await both.leftovers('unfit')).toEqual([]);
    expect((await both.statusOf('unfit'))?.migration).toMatchObject({ state: 'failed' });
    await both.api.deps.registry.refresh();
    await both.create(both.at('unfit', 'v1'), { title: 'goes on' });
    const patched = await both.send('PATCH', `${both.at('unfit', 'v2')}/${kept}`, {
      body: { subject: 'goes on too', version: 1 },
    });
    expect(patched.statusCode, patched.body).toBe(200);
  });

  it('takes back what it copied, and can be tried again', async () => {
    await both.provide(
      'undone',
      Array.from({ length: 5 }, (_, n) => ({ title: `t${n}`, code: `c${n}` })),
    );
    const own = await both.create(both.at('undone', 'v2'), { subject: 'own' });
    await both.promote('undone');
    const step = await begin(both.api.activities, both.refOf('undone'));
    await copyAll(both.api.activities, step);
    expect(await both.rows(`select count(*) from ${both.tableOf('undone', 'v2')}`)).toEqual([
      ['6'],
    ]);
    await abandonMigration(both.api.activities, {
      ...step,
      state: 'cancelled',
      message: 'why not',
    });
    expect(await both.rows(`select id from ${both.tableOf('undone', 'v2')}`)).toEqual([[own]]);
    expect(await both.rows(`select id from ${both.tableOf('undone', 'v2')}_history`)).toEqual([
      [own],
    ]);
    expect(await both.leftovers('undone')).toEqual([]);
    await both.api.deps.registry.refresh();
    await both.promoted('undone');
    expect(await both.rows(`select count(*) from ${both.tableOf('undone', 'v2')}`)).toEqual([
      ['6'],
    ]);
  });

  it('is checked once, also where there was nothing to copy', async () => {
    await both.provide('empty', []);
    await both.promote('empty', { to: 'v2', hold: true });
    const step = await begin(both.api.activities, both.refOf('empty'));
    await copyAll(both.api.activities, step);
    await both.create(both.at('empty', 'v1'), { title: 'later' });
    await both.promote('empty');
    expect(await keepInStep(both.api.activities, step)).toEqual({ goOn: true });
    expect(await both.rows(`select count(*) from ${both.tableOf('empty', 'v2')}`)).toEqual([['1']]);
    await checkRecords(both.api.activities, step);
  });

  it('rests while a transaction elsewhere keeps changes from being done with', async () => {
    await both.provide('kept', []);
    await both.promote('kept');
    const step = await begin(both.api.activities, both.refOf('kept'));
    await copyAll(both.api.activities, step);
    const long = await connect(both.api.database.superuserUrl);
    const stop = new AbortController();
    let looks = 0;
    const job = { signal: stop.signal, progress: () => (looks += 1) };
    try {
      await long.query('begin; select pg_current_xact_id()');
      const many = `insert into ${both.tableOf('kept', 'v1')} (title) select n from generate_series(1, 6000) n`;
      await both.rows(many);
      const following = keepInStep(both.api.activities, step, job);
      following.catch(() => undefined);
      await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(0);
      const before = looks;
      await sleep(3_000);
      expect(looks - before).toBeLessThanOrEqual(3);
      await long.query('rollback');
      expect(await following).toEqual({ goOn: true });
    } finally {
      stop.abort();
      await long.end();
    }
    expect(await both.rows(`select count(*) from ${both.tableOf('kept', 'v2')}`)).toEqual([
      ['6000'],
    ]);
  });

  it('names fields that come from nothing', async () => {
    await both.provide('unmapped', [{ title: 'x' }], { migrateFrom: { version: 'v1' } });
    await both.promote('unmapped');
    const ref = both.refOf('unmapped');
    expect(await openMigration(both.api.activities, ref)).toEqual({ next: 'nothing' });
    expect((await both.statusOf('unmapped'))?.migration?.message).toContain(
      'subject is required and comes from nothing: map it',
    );
  });
});

describe('the past', () => {
  it('cannot be invented through a copy', async () => {
    const [id] = await both.provide('forged', [{ title: 'x' }]);
    await both.promote('forged');
    const step = await begin(both.api.activities, both.refOf('forged'));
    await copyAll(both.api.activities, step);
    const operator = await connect(both.api.database.operatorUrl);
    const table = both.tableOf('forged', 'v2');
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
      await runPromotion(both.api.activities, both.refOf('forged'));
      expect(await forge(invented)).toBe('done');
      expect(await both.rows(`select created_by from ${table} where subject = 'old'`)).toEqual([
        ['velocity_operator'],
      ]);
      // What was kept is kept, even from whoever owns the table and opens another copy into it.
      const [namespace] = table.split('.');
      const reopen = `select platform.open_copy('${namespace}', 'forged_v2', 'forged_v1', 1, '${step.id}');
        create trigger again after delete on ${table} referencing old table as old_rows
          for each statement execute function platform.write_copy();
        delete from ${table} where id = '${id}'`;
      expect(await forge(reopen)).toContain('were not copied: they stay');
      expect(
        await both.rows(`select count(*) from ${table}_history where _operation = 'copy'`),
      ).toEqual([['1']]);
    } finally {
      await operator.end();
    }
  });
});
