import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { callerOf } from './call.ts';
import { commands } from './model-commands.ts';
import { ModelRun } from './model-run.ts';
import { quantityMax } from './record-model.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** A failure prints its seed and path; `MODEL_SEED=… MODEL_RUNS=…` plays them again or goes on longer. */
const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['MODEL_RUNS'] ?? 25);

let api: TestApi;
let superuser: pg.Client;
let operator: pg.Client;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('item', {
      fields: [
        { name: 'run', type: 'integer', filterable: true },
        { name: 'title', type: 'string' },
        { name: 'code', type: 'string', unique: true },
        { name: 'quantity', type: 'integer', max: quantityMax },
        { name: 'tags', type: 'string[]' },
        { name: 'serial', type: 'string', immutable: true },
      ],
      spec: { access: { roles: [{ role: 'writer', operations: ['*'] }] } },
    }),
  );
  superuser = await connect(api.database.superuserUrl);
  operator = await connect(api.database.operatorUrl);
});

afterAll(async () => {
  await superuser?.end();
  await operator?.end();
  await api?.close();
});

describe('any series of writes', () => {
  it('leaves table, history and audit as the model says, and nothing of what was refused', async () => {
    console.info(`model test: MODEL_SEED=${seed} MODEL_RUNS=${runs}`);
    const send = callerOf(api, await api.keyFor('wanda', ['writer']));
    const trail = trailOf(api, 'item');
    let number = 0;
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const run = new ModelRun({
          ...{ send, operator, table: trail.table, number: ++number },
          path: api.path('item'),
        });
        for (const command of list) await run.execute(command);
        const { rows } = await superuser.query(
          `select id, version::integer, deleted_at is not null as deleted, code, quantity::integer, tags, serial, title,
                  (select count(*)::integer from ${trail.history} h where h.id = t.id) as versions
             from ${trail.table} t where run = $1 order by id`,
          [run.number],
        );
        expect(rows).toEqual(run.expectedRows());
        const { rows: found } = await superuser.query(
          `select title from ${trail.table} where title = any ($1)
           union all select title from ${trail.history} where title = any ($1)
           union all select payload::text from platform.audit_log where payload -> 'new' ->> 'title' = any ($1)
           union all select body from platform.idempotency_keys where body::jsonb ->> 'title' = any ($1)`,
          [run.refused()],
        );
        expect(found).toEqual([]);
        expect(await trailProblems(superuser, trail)).toEqual([]);
      }),
      { seed, numRuns: runs },
    );
  });
});
