import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { median } from '../../bench/statistics.ts';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import { connect, trailOf } from './records/trail.ts';

/**
 * No oracle by timing: what is hidden is refused in the time of what does not exist, and far from the
 * time of a look at the records. Samples are taken in turns, so that what else the machine does hits
 * both, and a median of them forgets the rest.
 */

const samples = 250;
/** A busy machine may spoil one measurement; it does not spoil the same one three times. */
const attempts = 3;
const rowsHeld = 20_000;

let api: TestApi;
let clerk: Caller;
let path: string;
let southern: string;

beforeAll(async () => {
  api = await openTestApi();
  const { namespace } = api.tenant;
  const region = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
  await api.provide(
    api.tenant.schema('payment', {
      fields: [
        { name: 'region', type: 'string', filterable: true },
        // Without an index: whoever looked at it would take the time of 20,000 rows.
        { name: 'margin', type: 'integer', access: { read: ['auditor'] }, filterable: true },
        { name: 'amount', type: 'integer', filterable: true, sortable: true },
      ],
      spec: {
        access: {
          roles: [
            { role: 'clerk', operations: ['read', 'create', 'update'] },
            { role: 'auditor', operations: ['read'] },
          ],
          rowFilter: [{ role: 'clerk', filter: region }],
        },
      },
    }),
    manifest('RoleBinding', 'carl', namespace, {
      actorId: 'carl',
      roles: ['clerk'],
      scopes: [{ schema: 'payment', attributes: { region: 'north' } }],
    }),
  );
  clerk = callerOf(api, await api.keyFor('carl', []));
  path = api.path('payment');
  const { table } = trailOf(api, 'payment');
  const superuser = await connect(api.database.superuserUrl);
  try {
    await superuser.query(
      `insert into ${table} (region, margin, amount)
       select case when n % 2 = 0 then 'north' else 'south' end, n, n from generate_series(1, ${rowsHeld}) n`,
    );
    await superuser.query(`analyze ${table}`);
    const { rows } = await superuser.query<{ id: string }>(
      `select id from ${table} where region = 'south' limit 1`,
    );
    southern = rows[0]?.id ?? '';
  } finally {
    await superuser.end();
  }
});

afterAll(() => api?.close());

type Ask = () => ReturnType<Caller>;

/**
 * The medians of as many ways to ask, in milliseconds. Every other round goes backwards: who comes after
 * a dearer one pays for what that leaves behind, some 0.1 ms after a look at the records.
 */
async function timesOf(...ways: readonly Ask[]): Promise<number[]> {
  const taken = ways.map((): number[] => []);
  for (let n = 0; n < samples + 20; n++) {
    const round = [...ways.entries()];
    for (const [index, ask] of n % 2 === 0 ? round : round.reverse()) {
      const startedAt = performance.now();
      await ask();
      // The first ones compile.
      if (n >= 20) taken[index]?.push(performance.now() - startedAt);
    }
  }
  return taken.map(median);
}

/** Passes as soon as one measurement is in order. */
async function holdsOnce(measure: () => Promise<string | undefined>): Promise<void> {
  const told: string[] = [];
  for (let n = 0; n < attempts; n++) {
    const problem = await measure();
    if (problem === undefined) return;
    told.push(problem);
  }
  expect.fail(told.join('\n'));
}

describe('the time of an answer', () => {
  const uses: readonly (readonly [string, (field: string) => Ask])[] = [
    ['filter', (field) => () => clerk('GET', `${path}?filter[${field}]=77`)],
    ['sort', (field) => () => clerk('GET', `${path}?sort=-${field}&limit=1`)],
    [
      'aggregate',
      (field) => () =>
        clerk('POST', `${path}/query`, { body: { aggregate: [{ fn: 'max', field, as: 'm' }] } }),
    ],
  ];

  it.each(uses)('does not tell a hidden field from an unknown one: %s', async (_name, use) => {
    expect((await use('amount')()).statusCode).toBe(200);
    expect((await use('margin')()).statusCode).toBe(400);
    await holdsOnce(async () => {
      const [hidden = 0, unknown = 0] = await timesOf(use('margin'), use('nonsense'));
      const [looked = 0] = await timesOf(use('amount'));
      // A tenth of what a look costs: to look, or to look only sometimes, would be far beyond it.
      return Math.abs(hidden - unknown) < Math.max(looked / 10, unknown / 4)
        ? undefined
        : `hidden ${hidden}, unknown ${unknown}, looked ${looked} ms`;
    });
  });

  it('does not tell a record that is out of sight from one that is not there', async () => {
    const nobody = '01990000-0000-7000-8000-00000000dead';
    const get = (id: string) => () => clerk('GET', `${path}/${id}`);
    const patch = (id: string) => () =>
      clerk('PATCH', `${path}/${id}`, { body: { amount: 1, version: 1 } });
    expect((await get(southern)()).statusCode).toBe(404);
    for (const ask of [get, patch]) {
      await holdsOnce(async () => {
        const [unseen = 0, missing = 0] = await timesOf(ask(southern), ask(nobody));
        return Math.abs(unseen - missing) < missing / 4
          ? undefined
          : `out of sight ${unseen}, not there ${missing} ms`;
      });
    }
  });
});
