import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from './call.ts';
import { comparable } from './call.ts';
import type { MaskedPeople } from './masked-people.ts';
import { change, clear, openMaskedPeople, tells } from './masked-people.ts';

/** Abuse case 24: a value that somebody sees masked cannot be found out by asking. */

let people: MaskedPeople;
let clerk: Caller;
let auditor: Caller;
let path: string;
let id: string;

beforeAll(async () => {
  people = await openMaskedPeople();
  ({ clerk, auditor, path, id } = people);
});

afterAll(() => people?.api.close());

describe('24: a masked value cannot be found out', () => {
  const fields = ['ssn', 'salary', 'email', 'born'] as const;

  it.each(fields)('by a condition, an order or an aggregate: %s', async (field) => {
    const value = clear[field];
    const query = (body: object) => ['POST', `${path}/query`, { body }] as const;
    const test = { field, op: 'eq', value };
    const asks = [
      ['GET', `${path}?filter[${field}]=${value}`, {}],
      ['GET', `${path}?filter[${field}][gte]=${value}`, {}],
      ['GET', `${path}?filter[${field}][is_null]=true`, {}],
      query({ where: test }),
      query({ where: { not: { or: [{ and: [test] }] } } }),
      query({ where: { ...test, op: 'in', value: [value] } }),
      query({ where: test, select: ['id'], limit: 1, count: 'exact' }),
      query({ groupBy: [field], aggregate: [{ fn: 'count', as: 'n' }] }),
      ...['min', 'max', 'count', 'sum', 'avg'].map((fn) =>
        query({ aggregate: [{ fn, field, as: 'x' }] }),
      ),
    ] as const;
    for (const [method, url, send] of asks) {
      const answer = await clerk(method, url, send);
      expect(answer.json(), url + JSON.stringify(send)).toMatchObject({
        status: 400,
        code: 'FIELD_NOT_FILTERABLE',
      });
      expect(answer.json().details.filterable).toEqual([
        ...['created_at', 'id', 'name', 'updated_at', 'version'],
      ]);
    }
    for (const [method, url, send] of [
      ['GET', `${path}?sort=${field}`, {}],
      ['GET', `${path}?sort=name,-${field}`, {}],
      query({ sort: [{ field, direction: 'desc' }] }),
    ] as const) {
      const answer = await clerk(method, url, send);
      expect(answer.json()).toMatchObject({ status: 400, code: 'FIELD_NOT_SORTABLE' });
    }
    const able = await auditor('GET', `${path}?filter[${field}]=${value}&sort=${field}`);
    expect(able.json().data.map((record: { id: string }) => record.id)).toContain(id);
  });

  it('by the cursor of somebody who sees it', async () => {
    const page = await auditor('GET', `${path}?sort=salary&limit=1`);
    const { cursor } = page.json().pagination;
    const taken = await clerk('GET', `${path}?sort=salary&limit=1&cursor=${cursor}`);
    expect(taken.json()).toMatchObject({ status: 400, code: 'FIELD_NOT_SORTABLE' });
    const used = await clerk('GET', `${path}?limit=1&cursor=${cursor}`);
    expect(used.json()).toMatchObject({ status: 400, code: 'CURSOR_INVALID' });
  });

  it.each([
    ['ssn', clear.ssn, '078-05-1121'],
    ['email', clear.email, 'ada.lovelace@example.org'],
    ['born', clear.born, '1815-12-11'],
  ])(
    'by writing a guess where a conflict or its hash would tell: %s',
    async (field, right, wrong) => {
      const writes: ((value: string) => ReturnType<Caller>)[] = [
        (value) => clerk('POST', path, { body: { [field]: value } }),
        (value) =>
          clerk('POST', `${path}?onConflict=name`, { body: { name: 'x', [field]: value } }),
        (value) =>
          clerk('PATCH', `${path}/${id}`, { body: { [field]: value }, headers: change(1) }),
        (value) => clerk('PUT', `${path}/${id}`, { body: { [field]: value, version: 1 } }),
        (value) =>
          clerk('POST', `${path}/bulk`, { body: [{ op: 'create', record: { [field]: value } }] }),
      ];
      for (const write of writes) {
        const one = await tells(write(right), right);
        expect(one).toBe(await tells(write(wrong), wrong));
        expect(one).toContain('FIELD_ACCESS_DENIED');
      }
      const upsert = await clerk('POST', `${path}?onConflict=${field}`, { body: { name: 'x' } });
      expect(upsert.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    },
  );

  it('by sending back what cannot be changed', async () => {
    const patch = (pin: string) =>
      clerk('PATCH', `${path}/${id}`, { body: { pin }, headers: change(1) });
    const put = (pin: string) => clerk('PUT', `${path}/${id}`, { body: { pin, version: 1 } });
    for (const write of [patch, put]) {
      const one = await tells(write('pin-4711'), 'pin-4711');
      expect(one).toBe(await tells(write('pin-4712'), 'pin-4712'));
      expect(one).toContain('immutable');
    }
  });

  it('by a JSON Patch that looks at it', async () => {
    const patch = (...operations: object[]) =>
      clerk('PATCH', `${path}/${id}`, {
        body: operations,
        headers: { ...change(1), 'content-type': 'application/json-patch+json' },
      });
    const looks = (value: unknown): object[][] => [
      [{ op: 'test', path: '/salary', value }],
      [{ op: 'copy', from: '/salary', path: '/name' }],
      [{ op: 'move', from: '/salary', path: '/name' }],
      [{ op: 'test', path: '/notes/illness', value }],
      [{ op: 'remove', path: '/notes/illness' }],
      [{ op: 'replace', path: '/notes/illness', value }],
      [{ op: 'copy', from: '/notes/illness', path: '/name' }],
    ];
    for (const [index, operations] of looks(7_321_984_550).entries()) {
      const answer = await patch(...operations);
      expect(answer.json(), JSON.stringify(operations)).toMatchObject({
        status: 400,
        details: { problems: [{ rule: 'masked' }] },
      });
      const other = await patch(...(looks(1)[index] ?? []));
      expect(comparable(other)).toEqual(comparable(answer));
    }
  });

  it('through a reference by it', async () => {
    const url = people.api.path('pass');
    const [pass] = (await clerk('GET', url)).json().data;
    expect(pass.holder_ssn).toBe('***1120');
    const create = (holder_ssn: string) => clerk('POST', url, { body: { holder_ssn } });
    const one = await tells(create(clear.ssn), clear.ssn);
    expect(one).toBe(await tells(create('078-05-1121'), '078-05-1121'));
    expect(one).toContain('FIELD_ACCESS_DENIED');
    for (const ask of [
      `filter[holder_ssn]=${clear.ssn}`,
      'sort=holder_ssn',
      'include=holder_ssn',
    ]) {
      const refused = await clerk('GET', `${url}?${ask}`);
      expect(refused.statusCode, refused.body).toBe(400);
    }
  });
});
