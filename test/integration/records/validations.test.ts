import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';

let api: TestApi;
/** Sees and writes everything. */
let planner: Caller;
/** Cannot see `budget`, which `cost` must not exceed, nor write `code`. */
let clerk: Caller;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('trip', {
      fields: [
        { name: 'code', type: 'string', unique: true },
        { name: 'starts', type: 'datetime' },
        { name: 'ends', type: 'datetime' },
        { name: 'cost', type: 'decimal', precision: 12, scale: 2 },
        { name: 'budget', type: 'decimal', precision: 12, scale: 2, access: { read: ['planner'] } },
        { name: 'rate', type: 'decimal', precision: 6, scale: 3, immutable: true },
        { name: 'booked_at', type: 'datetime', immutable: true },
      ],
      spec: {
        access: {
          roles: ['planner', 'clerk'].map((role) => ({ role, operations: ['*'] })),
        },
        validations: [
          { type: 'compare', left: 'starts', operator: 'lt', right: 'ends', message: 'ends first' },
          { type: 'compare', left: 'cost', operator: 'lte', right: 'budget' },
        ],
      },
    }),
  );
  planner = callerOf(api, await api.keyFor('paula', ['planner']));
  clerk = callerOf(api, await api.keyFor('carl', ['clerk']));
  path = api.path('trip');
});

afterAll(() => api?.close());

async function create(body: object): Promise<string> {
  const answer = await planner('POST', path, { body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.id;
}

/** Every way to change one record from version 1. */
const changes = (caller: Caller, id: string, record: object) => [
  () => caller('PATCH', `${path}/${id}`, { body: { ...record, version: 1 } }),
  () =>
    caller('PATCH', `${path}/${id}`, {
      headers: { 'content-type': 'application/json-patch+json', 'if-match': '"1"' },
      body: Object.entries(record).map(([name, value]) => ({ op: 'add', path: `/${name}`, value })),
    }),
  () => caller('POST', `${path}/bulk`, { body: [{ op: 'update', id, record }] }),
  () => caller('POST', `${path}/bulk?atomic=false`, { body: [{ op: 'update', id, record }] }),
];

describe('a comparison', () => {
  const morning = '2026-01-01T08:00:00.000001Z';
  const justBefore = '2026-01-01T09:00:00+01:00';

  it('holds to the microsecond on create', async () => {
    const refused = await planner('POST', path, { body: { starts: morning, ends: justBefore } });
    expect(refused.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    expect(refused.json().details.problems).toEqual([
      { pointer: '/starts', rule: 'compare', message: 'ends first' },
    ]);
    await create({ starts: justBefore, ends: morning });
  });

  it('holds for the record as it will be, whichever side changes and however', async () => {
    const id = await create({ starts: justBefore, ends: morning });
    for (const change of changes(planner, id, { ends: justBefore })) {
      const answer = await change();
      const code = answer.json().data?.[0]?.error?.code ?? answer.json().code;
      expect(code, answer.body).toBe('VALIDATION_ERROR');
    }
    const upserted = await create({ code: 'up', starts: justBefore, ends: morning });
    const upsert = await planner('POST', `${path}?onConflict=code`, {
      body: { code: 'up', ends: justBefore },
    });
    expect(upsert.json(), upserted).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  });

  it('holds against a field that the caller cannot see, and does not name it', async () => {
    const id = await create({ cost: 1, budget: '10.00' });
    for (const change of changes(clerk, id, { cost: '10.01' })) {
      const answer = await change();
      const code = answer.json().data?.[0]?.error?.code ?? answer.json().code;
      expect(code, answer.body).toBe('VALIDATION_ERROR');
      expect(answer.body).not.toContain('budget');
    }
    const put = await clerk('PUT', `${path}/${id}`, { body: { cost: '10.01', version: 1 } });
    expect(put.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    const fits = await clerk('PUT', `${path}/${id}`, { body: { cost: '10.00', version: 1 } });
    expect(fits.statusCode, fits.body).toBe(200);
    const kept = await planner('GET', `${path}/${id}`);
    expect(kept.json().data).toMatchObject({ cost: '10.00', budget: '10.00' });
  });
});

describe('an immutable field', () => {
  const booked = { rate: 1.5, booked_at: '2026-01-01T00:00:00.5Z' };

  it('may be sent again in any spelling of its value, or left out', async () => {
    const id = await create(booked);
    const spelt = { rate: '1.500', booked_at: '2026-01-01T01:00:00.500+01:00' };
    const put = await planner('PUT', `${path}/${id}`, { body: { ...spelt, version: 1 } });
    expect(put.statusCode, put.body).toBe(200);
    const left = await planner('PUT', `${path}/${id}`, { body: { cost: 1, version: 2 } });
    expect(left.json().data, left.body).toMatchObject({ rate: '1.500', cost: '1.00' });
    const patched = await planner('PATCH', `${path}/${id}`, { body: { ...booked, version: 3 } });
    expect(patched.statusCode, patched.body).toBe(200);
  });

  it('changes in no way', async () => {
    const id = await create(booked);
    for (const change of changes(planner, id, { rate: 2 })) {
      const answer = await change();
      const code = answer.json().data?.[0]?.error?.code ?? answer.json().code;
      expect(code, answer.body).toBe('VALIDATION_ERROR');
    }
  });
});
