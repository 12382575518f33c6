import { createHmac } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestTenant } from '../../support/manifests.ts';
import { testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf, comparable } from './call.ts';

/** Layer 6, and abuse case 24: a value that somebody sees masked cannot be found out by asking. */

const clear = {
  ssn: '078-05-1120',
  salary: 7_321_984_550,
  email: 'ada.lovelace@example.com',
  notes: { illness: 'measles' },
  born: '1815-12-10',
  pin: 'pin-4711',
};
const hashForm = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/);
const masked = {
  ssn: '***1120',
  salary: '***',
  email: hashForm,
  notes: '***',
  born: hashForm,
  pin: '***',
};
const values = ['078-05-1120', '7321984550', 'lovelace', 'measles', '1815-12-10', 'pin-4711'];

let api: TestApi;
let clerk: Caller;
let auditor: Caller;
let admin: Caller;
let path: string;
let id: string;

function schemas(tenant: TestTenant): object[] {
  const unmaskedFor = ['auditor'];
  const access = {
    roles: [
      { role: 'clerk', operations: ['create', 'read', 'update', 'delete', 'history'] },
      { role: 'auditor', operations: ['*'] },
    ],
  };
  const usable = { filterable: true, sortable: true };
  return [
    tenant.schema('person', {
      fields: [
        { name: 'name', type: 'string', unique: true, ...usable },
        {
          ...{ name: 'ssn', type: 'string', unique: true, ...usable },
          mask: { strategy: 'partial', keepLast: 4, unmaskedFor },
        },
        {
          ...{ name: 'salary', type: 'integer', ...usable },
          mask: { strategy: 'redact', unmaskedFor },
        },
        {
          ...{ name: 'email', type: 'string', ...usable },
          mask: { strategy: 'hash', unmaskedFor },
        },
        { name: 'notes', type: 'json', mask: { strategy: 'redact', unmaskedFor } },
        { name: 'born', type: 'date', ...usable, mask: { strategy: 'hash', unmaskedFor } },
        {
          ...{ name: 'pin', type: 'string', immutable: true },
          mask: { strategy: 'redact', unmaskedFor },
        },
      ],
      spec: { access },
    }),
    tenant.schema('pass', {
      fields: [
        { name: 'holder', type: 'ref', ref: tenant.reference('person'), filterable: true },
        {
          ...{ name: 'holder_ssn', type: 'ref', filterable: true, sortable: true },
          ref: tenant.reference('person', { key: 'ssn' }),
        },
      ],
      spec: { access },
    }),
  ];
}

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...schemas(api.tenant));
  clerk = callerOf(api, await api.keyFor('carl', ['clerk']));
  auditor = callerOf(api, await api.keyFor('anna', ['auditor']));
  admin = callerOf(api, api.adminKey);
  path = api.path('person');
  id = (await made(auditor('POST', path, { body: { name: 'ada', ...clear } })))['id'] as string;
});

afterAll(() => api?.close());

async function made(request: ReturnType<Caller>): Promise<Record<string, unknown>> {
  const answer = await request;
  expect(answer.statusCode, answer.body).toBeLessThan(300);
  return answer.json().data;
}

/** Fails where any of the clear values is anywhere in the answer, headers included. */
function expectNothingClear(answer: LightMyRequestResponse): void {
  const said = JSON.stringify(answer.headers) + answer.body;
  for (const value of values) expect(said).not.toContain(value);
}

async function tells(request: ReturnType<Caller>, guess: string): Promise<string> {
  return JSON.stringify(comparable(await request)).replaceAll(guess, 'GUESS');
}

const change = (version: number): Record<string, string> => ({ 'if-match': `"${version}"` });

describe('a masked value', () => {
  it('is masked in every answer that has records', async () => {
    const pass = await made(
      auditor('POST', api.path('pass'), { body: { holder: id, holder_ssn: clear.ssn } }),
    );
    const some = 'select=ssn,salary,email,notes,born,pin';
    const passes = api.path('pass');
    const asks: [url: string, member: 'holder' | 'record' | undefined][] = [
      [`${path}/${id}`, undefined],
      [`${path}/${id}?${some}`, undefined],
      [path, undefined],
      [`${path}?${some}`, undefined],
      [`${passes}?include=holder`, 'holder'],
      [`${passes}/${pass['id']}?include=holder`, 'holder'],
      [`${path}/${id}/history`, 'record'],
      [`${path}/${id}/history?revision=original`, 'record'],
    ];
    for (const [url, member] of asks) {
      const shown = (answer: LightMyRequestResponse): unknown => {
        const [one] = [answer.json().data].flat();
        return member === undefined ? one : one[member];
      };
      const answer = await clerk('GET', url);
      expectNothingClear(answer);
      expect(shown(answer), url).toMatchObject(masked);
      expect(shown(await auditor('GET', url)), url).toMatchObject(clear);
    }
    const query = await clerk('POST', `${path}/query`, { body: { select: ['ssn', 'email'] } });
    expectNothingClear(query);
    expect(query.json().data[0]).toMatchObject({ ssn: masked.ssn, email: hashForm });
  });

  it('is masked in the answers to writes', async () => {
    const own = { salary: 7_321_984_550, notes: { illness: 'measles' }, pin: 'pin-4711' };
    const created = await clerk('POST', path, {
      body: { name: 'grace', ...own },
      headers: { 'idempotency-key': 'grace' },
    });
    const again = await clerk('POST', path, {
      body: { name: 'grace', ...own },
      headers: { 'idempotency-key': 'grace' },
    });
    const url = `${path}/${created.json().data.id}`;
    const answers = [
      created,
      again,
      await clerk('PATCH', url, { body: { salary: 7_321_984_550 }, headers: change(1) }),
      await clerk('PUT', url, { body: { name: 'grace', salary: 7_321_984_550, version: 2 } }),
      await clerk('POST', `${path}?onConflict=name`, {
        body: { name: 'grace', salary: 7_321_984_550 },
      }),
      await clerk('POST', `${path}/bulk`, {
        body: [{ op: 'update', id: url.split('/').at(-1), record: { salary: 7_321_984_550 } }],
      }),
    ];
    for (const answer of answers) {
      expect(answer.statusCode, answer.body).toBeLessThan(300);
      expectNothingClear(answer);
    }
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(answers[4]?.json().data).toMatchObject({ salary: '***', notes: '***', pin: '***' });
    expect((await made(auditor('GET', url)))['salary']).toBe(7_321_984_550);
  });

  it('of no value is no value, and of a short one shows none of it', async () => {
    const at = async (ssn: string | null) => {
      const { id: one } = await made(
        auditor('POST', path, { body: { name: `short ${ssn}`, ssn } }),
      );
      return (await made(clerk('GET', `${path}/${one}`)))['ssn'];
    };
    expect(await at(null)).toBeNull();
    expect(await at('')).toBe('***');
    expect(await at('1234567')).toBe('***');
    expect(await at('12345678')).toBe('***5678');
    expect(await at('ééé\u{1f600}ééé\u{1f600}')).toBe('***ééé\u{1f600}');
  });

  it('comes with the ETag that the value has, which tells the version alone', async () => {
    const [one, other] = [
      await clerk('GET', `${path}/${id}`),
      await auditor('GET', `${path}/${id}`),
    ];
    expect(one.headers['etag']).toBe(other.headers['etag']);
  });

  it('is described as what it looks like', async () => {
    const { components, paths } = (await clerk('GET', '/api/openapi.json')).json();
    const name = path.slice('/api/'.length).replaceAll('/', '.');
    const { properties } = components.schemas[name];
    expect(properties.salary).toEqual({
      type: ['string', 'null'],
      description: 'Masked: shown as `***`. Neither filterable nor sortable.',
    });
    const parameters = JSON.stringify(paths[path].get.parameters);
    for (const field of ['ssn', 'salary', 'email', 'born']) {
      expect(parameters).not.toContain(field);
    }
    expect(components.schemas[`${name}.create`].properties.salary.type).toEqual([
      ...['integer', 'string', 'null'],
    ]);
    expect(Object.keys(components.schemas[`${name}.create`].properties)).not.toContain('ssn');
  });
});

describe('a hash', () => {
  it('is HMAC-SHA-256 of the value’s text under the organisation’s key', async () => {
    const superuser = new pg.Client(api.database.superuserUrl);
    await superuser.connect();
    const { rows } = await superuser.query(
      'select inner_block from platform.mask_keys where organisation = $1',
      [api.tenant.organisation],
    );
    await superuser.end();
    const key = Buffer.from(rows[0].inner_block as Buffer).map((byte) => byte ^ 0x36);
    expect([...key.subarray(32)]).toEqual(Array(32).fill(0));
    const hash = (text: string): string =>
      `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`;
    const { email, born } = await made(clerk('GET', `${path}/${id}`));
    expect({ email, born }).toEqual({ email: hash(clear.email), born: hash(clear.born) });
  });

  it('differs from organisation to organisation', async () => {
    const rival = testTenant(uniqueName('rival'));
    await api.provide(...rival.base, ...schemas(rival));
    const { namespace, organisation } = rival;
    const mine = await api.keyFor('rita', [], { namespace, organisation });
    await api.provide({
      ...{ apiVersion: 'velocity.sh/v1', kind: 'RoleBinding' },
      metadata: { name: 'rita', namespace },
      spec: { actorId: 'rita', roles: ['clerk'] },
    });
    const theirs = path.replace(api.tenant.organisation, organisation);
    const { id: other } = await made(
      admin('POST', theirs, { body: { name: 'ada', email: clear.email } }),
    );
    const [here, there] = [
      (await made(clerk('GET', `${path}/${id}`)))['email'],
      (await made(callerOf(api, mine)('GET', `${theirs}/${other}`)))['email'],
    ];
    expect(there).toEqual(hashForm);
    expect(there).not.toBe(here);
  });

  it('is made with a key that no login role can read, for the API alone', async () => {
    for (const url of [api.database.apiUrl, api.database.operatorUrl]) {
      const client = new pg.Client(url);
      await client.connect();
      await expect(client.query('select * from platform.mask_keys')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query(`select platform.make_mask_key('mine')`)).rejects.toMatchObject({
        code: '42501',
      });
      await client.end();
    }
    const operator = new pg.Client(api.database.operatorUrl);
    await operator.connect();
    await operator.query(
      `select set_config('velocity.organisation', '${api.tenant.organisation}', false)`,
    );
    await expect(operator.query(`select platform.mask_hash('guess')`)).rejects.toMatchObject({
      code: '42501',
    });
    await operator.end();
  });
});

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
    const url = api.path('pass');
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

describe('a write of a masked field', () => {
  it('never writes the mask back', async () => {
    const { id: one, ...rest } = await made(
      clerk('POST', path, { body: { name: 'round', salary: 10 } }),
    );
    const url = `${path}/${one}`;
    const { salary } = rest;
    const ways: ((values: object) => ReturnType<Caller>)[] = [
      (values) => clerk('POST', path, { body: values }),
      (values) => clerk('POST', `${path}?onConflict=name`, { body: { name: 'round', ...values } }),
      (values) => clerk('PATCH', url, { body: values, headers: change(1) }),
      (values) => clerk('PUT', url, { body: { name: 'round', ...values, version: 1 } }),
      (values) => admin('PUT', url, { body: { name: 'round', ...values, version: 1 } }),
      (values) => clerk('POST', `${path}/bulk`, { body: [{ op: 'create', record: values }] }),
      (values) =>
        clerk('POST', `${path}/bulk`, { body: [{ op: 'update', id: one, record: values }] }),
    ];
    for (const [index, write] of ways.entries()) {
      for (const values of [{ salary }, { notes: '***' }]) {
        const answer = await write(values);
        expect(answer.json(), `${index} ${JSON.stringify(values)}`).toMatchObject({
          status: 400,
          code: 'VALIDATION_ERROR',
          details: { problems: [{ rule: 'masked' }] },
        });
      }
    }
    expect(await made(auditor('GET', url))).toMatchObject({ salary: 10, version: 1 });
  });

  it('keeps what is left out of a PUT, and clears what is null', async () => {
    const own = { name: 'kept', salary: 10, notes: { a: 1 }, pin: 'p' };
    const { id: one } = await made(clerk('POST', path, { body: own }));
    const url = `${path}/${one}`;
    await made(clerk('PUT', url, { body: { name: 'kept 2', version: 1 } }));
    expect(await made(auditor('GET', url))).toMatchObject({ ...own, name: 'kept 2' });
    await made(clerk('PUT', url, { body: { name: 'kept', salary: null, version: 2 } }));
    expect(await made(auditor('GET', url))).toMatchObject({ ...own, salary: null });
  });

  it('is possible whole by JSON Patch, whatever the operation is called', async () => {
    const { id: one } = await made(clerk('POST', path, { body: { name: 'jp', salary: 10 } }));
    const url = `${path}/${one}`;
    const patch = (version: number, operation: object) =>
      made(
        clerk('PATCH', url, {
          body: [operation],
          headers: { ...change(version), 'content-type': 'application/json-patch+json' },
        }),
      );
    await patch(1, { op: 'replace', path: '/salary', value: 11 });
    expect(await made(auditor('GET', url))).toMatchObject({ salary: 11 });
    await patch(2, { op: 'remove', path: '/salary' });
    expect(await made(auditor('GET', url))).toMatchObject({ salary: null });
    await patch(3, { op: 'add', path: '/salary', value: 12 });
    expect(await made(auditor('GET', url))).toMatchObject({ salary: 12 });
  });
});
