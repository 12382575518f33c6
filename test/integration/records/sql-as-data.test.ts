import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { everythingSchemas } from './everything-schema.ts';
import type { Trail } from './trail.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** Abuse case 23: identifiers and values that carry SQL, and values that only Postgres refuses. */

const payloads = [
  `'; drop table thing_v1; --`,
  `" or 1=1 --`,
  `\\'; select pg_sleep(5); --`,
  `$$; delete from platform.audit_log; $$`,
  `{{identity.attributes.x}} $1 $2 %s %I :name`,
  `1) or (1=1`,
  `code"; reset role; set role postgres; --`,
  `E'\\x27'`,
  `/* */ union select null`,
  `‘’“” \u202e\ufeff \u00e9 e\u0301`,
];

let api: TestApi;
let send: Caller;
let superuser: pg.Client;
let path: string;
let trail: Trail;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...everythingSchemas(api.tenant));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  superuser = await connect(api.database.superuserUrl);
  path = api.path('thing');
  trail = trailOf(api, 'thing');
});

afterAll(async () => {
  expect(await trailProblems(superuser, trail)).toEqual([]);
  await superuser?.end();
  await api?.close();
});

async function unharmed(): Promise<unknown> {
  const { rows } = await superuser.query(
    `select (select count(*) from ${trail.table}) as records, (select count(*) from platform.audit_log) as entries,
            (select count(*) from pg_class where relowner in ('velocity_operator'::regrole, 'velocity_audit'::regrole)) as relations`,
  );
  return rows;
}

describe('SQL in values', () => {
  it.each(payloads)('is kept and found as it was written: %s', async (payload) => {
    const body = {
      code: payload,
      serial: payload,
      tags: [payload, '}', 'a,b'],
      attributes: { [payload]: payload },
    };
    const created = await send('POST', path, {
      body,
      headers: { 'x-audit-reason': encodeURIComponent(payload), 'x-ticket-ref': 'T-"1"' },
    });
    expect(created.statusCode, created.body).toBe(201);
    expect(created.json().data).toMatchObject(body);
    const { id } = created.json().data;
    const text = encodeURIComponent(payload);
    for (const filter of [
      `filter[code]=${text}`,
      `filter[code][starts_with]=${text}`,
      `filter[code][contains]=${text}`,
      `filter[tags][contains]=${text}`,
    ]) {
      const found = await send('GET', `${path}?${filter}`);
      expect(found.statusCode, `${filter}: ${found.body}`).toBe(200);
      expect(
        found.json().data.map((record: { id: string }) => record.id),
        filter,
      ).toContain(id);
    }
    const where = { and: [{ field: 'code', op: 'in', value: [payload, 'other'] }] };
    const queried = await send('POST', `${path}/query`, { body: { where } });
    expect(queried.json().data).toHaveLength(1);
    const bulk = [
      { op: 'update', id, version: 1, record: { title: payload.replaceAll('!', '').slice(0, 40) } },
    ];
    const changed = await send('POST', `${path}/bulk`, { body: bulk });
    expect(changed.statusCode, changed.body).toBe(200);
    const again = await send('POST', `${path}?onConflict=code`, { body: { code: payload } });
    expect([again.statusCode, again.json().data.id]).toEqual([200, id]);
  });

  it('is an ordinary idempotency key', async () => {
    const headers = { 'idempotency-key': `';droptableplatform.idempotency_keys;--` };
    const [one, two] = [
      await send('POST', path, { headers, body: {} }),
      await send('POST', path, { headers, body: {} }),
    ];
    expect(two.json().data).toEqual(one.json().data);
  });
});

describe('SQL in identifiers', () => {
  it.each(payloads)('names nothing: %s', async (payload) => {
    const before = await unharmed();
    const text = encodeURIComponent(payload);
    const requests: ReturnType<Caller>[] = [
      send('GET', `${path}?filter[${text}]=1`),
      send('GET', `${path}?filter[code][${text}]=1`),
      send('GET', `${path}?sort=${text}`),
      send('GET', `${path}?select=${text}`),
      send('GET', `${path}?include=${text}`),
      send('GET', `${path}?cursor=${text}`),
      send('GET', `${path}?count=${text}`),
      send('GET', `${path}/${text}`),
      send('GET', `${path.replace('thing', text)}`),
      send('POST', `${path}?onConflict=${text}`, { body: {} }),
      send('POST', path, { body: { [payload]: 1 } }),
      send('PATCH', `${path}/${text}`, { body: { version: 1 } }),
      send('DELETE', `${path}/${text}`),
      send('POST', `${path}/bulk`, { body: [{ op: payload }] }),
      send('POST', `${path}/bulk`, { body: [{ op: 'delete', id: payload }] }),
      send('POST', `${path}/query`, { body: { where: { field: payload, op: 'eq', value: 1 } } }),
      send('POST', `${path}/query`, { body: { where: { field: 'code', op: payload, value: 1 } } }),
      send('POST', `${path}/query`, { body: { sort: [{ field: 'code', direction: payload }] } }),
      send('POST', `${path}/query`, {
        body: { groupBy: ['status'], aggregate: [{ fn: payload, as: 'n' }] },
      }),
      send('POST', `${path}/query`, {
        body: { groupBy: ['status'], aggregate: [{ fn: 'count', as: payload }] },
      }),
    ];
    for (const [index, answer] of (await Promise.all(requests)).entries()) {
      expect([400, 404], `${index}: ${answer.body}`).toContain(answer.statusCode);
    }
    expect(await unharmed()).toEqual(before);
  });
});

describe('values that only the database could refuse', () => {
  const cases: [name: string, body: object][] = [
    ['a date that no calendar has', { due: '0000-01-01' }],
    ['a zone that no place has', { seen_at: '2026-01-01T00:00:00+23:59' }],
    ['a leap second', { seen_at: '2026-12-31T23:59:60Z' }],
    [
      'a text too long for its index',
      { code: Array.from({ length: 6_000 }, () => Math.random().toString(36).slice(2)).join('') },
    ],
    ['an integer out of range', { quantity: '9223372036854775808' }],
    ['a decimal with too many digits', { amount: '99999999999999999.0' }],
    ['a number too small to be one', { ratio: 1e-320 }],
    ['an integer with an exponent', { quantity: 1e3 }],
    ['a list of lists', { tags: [['a']] }],
  ];

  it.each(cases)('are never a failure of ours: %s', async (_name, body) => {
    const answers = [
      await send('POST', path, { body }),
      await send('POST', `${path}/bulk`, { body: [{ op: 'create', record: body }] }),
    ];
    for (const answer of answers) {
      expect([200, 201, 400], answer.body.slice(0, 300)).toContain(answer.statusCode);
    }
    expect(answers[0]?.statusCode === 400).toBe(answers[1]?.statusCode === 400);
  });

  it.each([
    'filter[code]=%00',
    'filter[code][like]=%5C',
    'filter[code][like]=%25%25%25%25%25%25%25%25%25%25a',
    'filter[quantity]=99999999999999999999999',
    'filter[seen_at]=0000-01-01T00:00:00Z',
    'filter[seen_at]=2026-01-01T00:00:00%2B23:59',
    'filter[due]=2023-02-30',
    'filter[amount]=1e400',
    'filter[ratio]=NaN',
    'filter[ratio][gt]=1e999',
    'filter[token]=nope',
    'filter[maker]=nope',
    'filter[tags][overlaps]=%7B%22',
    'filter[counts][contains]=1.5',
    'filter[position][within_km]=1,2,3',
    'filter[position][within_km]=91,181,-1',
    'filter[status]=nothing',
    'cursor=eyJhIjoxfQ',
  ])('are never a failure of ours: ?%s', async (query) => {
    const answer = await send('GET', `${path}?${query}`);
    expect([200, 400], answer.body.slice(0, 300)).toContain(answer.statusCode);
  });
});
