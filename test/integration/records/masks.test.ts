import { createHmac } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import type { MaskedPeople } from './masked-people.ts';
import {
  change,
  clear,
  expectNothingClear,
  hashForm,
  made,
  masked,
  openMaskedPeople,
  schemas,
} from './masked-people.ts';

/** Layer 6: who holds no role of unmaskedFor sees the mask, wherever a record is shown. */

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

describe('a masked value', () => {
  it('is masked in every answer that has records', async () => {
    const some = 'select=ssn,salary,email,notes,born,pin';
    const passes = people.api.path('pass');
    const [pass] = (await auditor('GET', passes)).json().data;
    const asks: [url: string, member: 'holder' | 'record' | undefined][] = [
      [`${path}/${id}`, undefined],
      [`${path}/${id}?${some}`, undefined],
      [path, undefined],
      [`${path}?${some}`, undefined],
      [`${passes}?include=holder`, 'holder'],
      [`${passes}/${pass.id}?include=holder`, 'holder'],
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
    const superuser = new pg.Client(people.api.database.superuserUrl);
    await superuser.connect();
    const { rows } = await superuser.query(
      'select inner_block from platform.mask_keys where organisation = $1',
      [people.api.tenant.organisation],
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
    await people.api.provide(...rival.base, ...schemas(rival));
    const { namespace, organisation } = rival;
    const mine = await people.api.keyFor('rita', [], { namespace, organisation });
    await people.api.provide({
      ...{ apiVersion: 'velocity.sh/v1', kind: 'RoleBinding' },
      metadata: { name: 'rita', namespace },
      spec: { actorId: 'rita', roles: ['clerk'] },
    });
    const theirs = path.replace(people.api.tenant.organisation, organisation);
    const { id: other } = await made(
      people.admin('POST', theirs, { body: { name: 'ada', email: clear.email } }),
    );
    const [here, there] = [
      (await made(clerk('GET', `${path}/${id}`)))['email'],
      (await made(callerOf(people.api, mine)('GET', `${theirs}/${other}`)))['email'],
    ];
    expect(there).toEqual(hashForm);
    expect(there).not.toBe(here);
  });

  it('is made with a key that no login role can read, for the API alone', async () => {
    for (const url of [people.api.database.apiUrl, people.api.database.operatorUrl]) {
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
    const operator = new pg.Client(people.api.database.operatorUrl);
    await operator.connect();
    await operator.query(
      `select set_config('velocity.organisation', '${people.api.tenant.organisation}', false)`,
    );
    await expect(operator.query(`select platform.mask_hash('guess')`)).rejects.toMatchObject({
      code: '42501',
    });
    await operator.end();
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
      (values) => people.admin('PUT', url, { body: { name: 'round', ...values, version: 1 } }),
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
