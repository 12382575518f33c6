import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { comparable } from './call.ts';
import type { Loans } from './loans.ts';
import { expectDenied, messages, openLoans } from './loans.ts';

/** Layer 2 on every way to see a record. */

let api: TestApi;
let admin: Caller;
let nora: Caller;
let boss: Caller;
let robot: Caller;
let lend: Loans['lend'];
let path: string;

beforeAll(async () => {
  ({ api, admin, nora, boss, robot, lend, path } = await openLoans());
});

afterAll(() => api?.close());

describe('a policy on read', () => {
  let far: string;
  let near: string;

  beforeAll(async () => {
    far = (await lend(boss, { region: 'south', amount: 7 })).id;
    near = (await lend(boss, { region: 'north', amount: 7 })).id;
    for (const region of ['north', 'south', 'north', 'south', 'north'])
      await lend(boss, { region });
  });

  it('denies a record by name and lets another through', async () => {
    expectDenied(await nora('GET', `${path}/${far}`), 'own-region', messages.region);
    expect((await nora('GET', `${path}/${near}`)).statusCode).toBe(200);
    expect((await boss('GET', `${path}/${far}`)).statusCode).toBe(200);
    const nowhere = '01990000-0000-7000-8000-00000000ffff';
    expect((await nora('GET', `${path}/${nowhere}`)).statusCode).toBe(404);
  });

  it('filters lists, counts, pages, groups and nested queries', async () => {
    const list = await nora('GET', `${path}?filter[amount]=7&count=exact`);
    expect(list.json().data.map((one: { id: string }) => one.id)).toEqual([near]);
    expect(list.json().pagination.total).toBe(1);
    const query = (body: object) => nora('POST', `${path}/query`, { body });
    const groups = await query({
      groupBy: ['region'],
      aggregate: [{ fn: 'count', as: 'n' }],
    });
    expect(groups.statusCode, groups.body).toBe(200);
    expect(groups.json().data.map((one: { region: string }) => one.region)).toEqual(['north']);
    const nested = await query({
      where: {
        or: [
          { field: 'region', op: 'eq', value: 'south' },
          { not: { field: 'region', op: 'eq', value: 'south' } },
        ],
      },
      limit: 100,
    });
    const regions = nested.json().data.map((one: { region: string }) => one.region);
    expect(regions.length).toBeGreaterThan(1);
    expect(new Set(regions)).toEqual(new Set(['north']));
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await nora('GET', `${path}?limit=2&sort=region${at}`);
      expect(page.statusCode, page.body).toBe(200);
      seen.push(...page.json().data.map((one: { region: string }) => one.region));
      cursor = page.json().pagination.cursor;
    }
    expect(seen).toEqual(regions);
  });

  it('leaves nothing of a denied record in an include', async () => {
    const payments = api.path('payment');
    for (const loan of [far, near]) {
      const answer = await boss('POST', payments, { body: { loan, sum: 1 } });
      expect(answer.statusCode, answer.body).toBe(201);
    }
    const answer = await nora('GET', `${payments}?include=loan`);
    const loans = answer.json().data.map((one: { loan: { id: string } | null }) => one.loan?.id);
    expect(loans.sort()).toEqual([near, undefined]);
  });

  it('refuses a reference to a denied record like one to nothing', async () => {
    const payments = api.path('payment');
    const nowhere = '01990000-0000-7000-8000-00000000ffff';
    const [denied, missing] = await Promise.all(
      [far, nowhere].map((loan) => nora('POST', payments, { body: { loan, sum: 2 } })),
    );
    expect(denied?.json()).toMatchObject({ status: 409, code: 'REFERENCE_CONFLICT' });
    expect(comparable(denied!)).toEqual(comparable(missing!));
    const bulk = await nora('POST', `${payments}/bulk?atomic=false`, {
      body: [far, near].map((loan) => ({ op: 'create', record: { loan, sum: 2 } })),
    });
    expect(bulk.json().data).toMatchObject([
      { status: 409, error: { code: 'REFERENCE_CONFLICT' } },
      { status: 201 },
    ]);
    const { id } = (await boss('POST', payments, { body: { loan: far, sum: 3 } })).json().data;
    // What it refers to already may stay; it may not be given anew.
    const kept = await nora('PATCH', `${payments}/${id}`, { body: { version: 1, loan: far } });
    expect(kept.statusCode, kept.body).toBe(200);
    const moved = await nora('PATCH', `${payments}/${id}`, { body: { version: 2, loan: near } });
    expect(moved.statusCode, moved.body).toBe(200);
    const back = await nora('PATCH', `${payments}/${id}`, { body: { version: 3, loan: far } });
    expect(back.json().code).toBe('REFERENCE_CONFLICT');
  });

  it('holds for the history of a record, before and after its end', async () => {
    expectDenied(await nora('GET', `${path}/${far}/history`), 'own-region', messages.region);
    const original = await nora('GET', `${path}/${far}/history?revision=original`);
    expectDenied(original, 'own-region', messages.region);
    expect((await nora('GET', `${path}/${near}/history`)).json().data).toHaveLength(1);
    expect((await boss('DELETE', `${path}/${far}`)).statusCode).toBe(204);
    expectDenied(await nora('GET', `${path}/${far}/history`), 'own-region', messages.region);
    expect((await boss('GET', `${path}/${far}/history`)).json().data).toHaveLength(2);
  });

  it('holds before anything may be changed, and tells no more of the record than that', async () => {
    const { id, code } = await lend(boss, { region: 'south', amount: 5 });
    const stale = await nora('PATCH', `${path}/${id}`, { body: { version: 9, amount: 6 } });
    expectDenied(stale, 'own-region', messages.region);
    const whole = { code, region: 'north', amount: 5 };
    for (const answer of [
      await nora('PUT', `${path}/${id}`, { body: { ...whole, version: 1 } }),
      await nora('PUT', `${path}/${id}`, { body: whole }),
      await nora('POST', `${path}?onConflict=code`, { body: whole }),
      await nora('DELETE', `${path}/${id}`),
      await nora('POST', `${path}/bulk`, { body: [{ op: 'update', id, record: { amount: 6 } }] }),
    ]) {
      expectDenied(answer, 'own-region', messages.region);
    }
  });
});

describe('a policy that looks at no record', () => {
  it('denies a list instead of emptying it', async () => {
    const memos = api.path('memo');
    const created = await boss('POST', memos, { body: { title: 'a', pay: 1 } });
    expect(created.statusCode, created.body).toBe(201);
    for (const answer of [
      await robot('GET', memos),
      await robot('GET', `${memos}/${created.json().data.id}`),
      await robot('POST', `${memos}/query`, { body: {} }),
      await robot('PATCH', `${memos}/${created.json().data.id}`, { body: { version: 1, pay: 2 } }),
      await robot('DELETE', `${memos}/${created.json().data.id}`),
    ]) {
      expectDenied(answer, 'people', 'Memos are for people.');
    }
    expect((await boss('GET', memos)).json().data).toHaveLength(1);
  });

  it('with fields is asked by what shows, filters or sorts by them', async () => {
    const memos = api.path('memo');
    expect((await nora('GET', `${memos}?select=title`)).json().data).toHaveLength(1);
    expect((await nora('GET', memos)).json().data).toHaveLength(0);
    expect((await nora('GET', `${memos}?select=title&filter[pay]=1`)).json().data).toHaveLength(0);
    const { id } = (await boss('GET', memos)).json().data[0];
    expect((await nora('GET', `${memos}/${id}?select=title`)).statusCode).toBe(200);
    expectDenied(await nora('GET', `${memos}/${id}`), 'pay', 'Policy "pay" does not allow this.');
    const sum = { groupBy: ['title'], aggregate: [{ fn: 'sum', field: 'pay', as: 'all' }] };
    expect((await nora('POST', `${memos}/query`, { body: sum })).json().data).toEqual([]);
    expect((await boss('POST', `${memos}/query`, { body: sum })).json().data).toHaveLength(1);
  });

  it('for every action holds for each of them', async () => {
    const memos = api.path('memo');
    const id = '01990000-0000-7000-8000-000000000123';
    const answer = await boss('PUT', `${memos}/${id}`, { body: { title: 'b' } });
    expectDenied(answer, 'hands', 'Policy "hands" does not allow this.');
    // The platform's administrator is above every layer.
    expect((await admin('PUT', `${memos}/${id}`, { body: { title: 'b' } })).statusCode).toBe(201);
  });
});
