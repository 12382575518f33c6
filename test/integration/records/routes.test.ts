import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import { everythingSchemas, exactThing } from './everything-schema.ts';

let api: TestApi;
let send: Caller;
let path: string;
let maker: { id: string; code: string };

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(...everythingSchemas(api.tenant));
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
  path = api.path('thing');
  const made = await send('POST', api.path('maker'), { body: { code: 'ada', name: 'Ada' } });
  expect(made.statusCode, made.body).toBe(201);
  maker = made.json().data;
});

afterAll(() => api?.close());

async function create(body: object = {}): Promise<{ id: string; version: number; url: string }> {
  const answer = await send('POST', path, { body });
  expect(answer.statusCode, answer.body).toBe(201);
  const { id, version } = answer.json().data;
  return { id, version, url: `${path}/${id}` };
}

/** What an exact thing reads back as: canonical spellings, nothing lost. */
function readBack(): object {
  return {
    ...exactThing(maker.id, maker.code),
    seen_at: '2026-11-20T23:40:27.123456+00:00',
    version: 1,
    created_by: 'wanda',
    updated_by: 'wanda',
  };
}

describe('a record of every field type', () => {
  it('is created, got and listed without losing a digit', async () => {
    const body = exactThing(maker.id, maker.code);
    const made = await send('POST', path, { body });
    expect(made.statusCode, made.body).toBe(201);
    const { data } = made.json();
    expect(data).toMatchObject(readBack());
    const url = `${path}/${data.id}`;
    expect(made.headers).toMatchObject({ location: url, etag: '"1"' });
    expect((await send('GET', url)).json().data).toEqual(data);
    const filter = `filter[code]=${encodeURIComponent(String(body['code']))}`;
    expect((await send('GET', `${path}?${filter}`)).json().data).toEqual([data]);
    const where = { field: 'quantity', op: 'eq', value: '9007199254740993' };
    const found = await send('POST', `${path}/query`, { body: { where } });
    expect(found.json().data).toEqual([data]);
  });

  it('survives a bulk, a put and a patch of its own values', async () => {
    const { code, ...rest } = exactThing(maker.id, maker.code);
    const bulk = await send('POST', `${path}/bulk`, {
      body: [{ op: 'create', record: { ...rest, code: 'bulk' } }],
    });
    expect(bulk.statusCode, bulk.body).toBe(200);
    const id = bulk.json().data[0].id;
    const first = (await send('GET', `${path}/${id}`)).json().data;
    expect(first).toMatchObject({ ...readBack(), code: 'bulk' });
    const { created_at, created_by, updated_at, updated_by, ...own } = first;
    const put = await send('PUT', `${path}/${id}`, { body: own });
    expect(put.statusCode, put.body).toBe(200);
    const { version, id: _id, ...fields } = own;
    const patched = await send('PATCH', `${path}/${id}`, { body: { ...fields, version: 2 } });
    expect(patched.statusCode, patched.body).toBe(200);
    expect(patched.json().data).toMatchObject({ ...fields, version: 3 });
    const row = { op: 'update', id, version: 3, record: fields };
    const again = await send('POST', `${path}/bulk`, { body: [row] });
    expect(again.statusCode, again.body).toBe(200);
    expect((await send('GET', `${path}/${id}`)).json().data).toMatchObject({
      ...fields,
      version: 4,
    });
  });

  it('takes its defaults, and null for the rest', async () => {
    const { url } = await create();
    const { data } = (await send('GET', url)).json();
    expect(data).toMatchObject({ title: 'untitled', approved: false, status: 'open' });
    for (const name of ['quantity', 'ratio', 'amount', 'due', 'position', 'tags', 'attributes']) {
      expect(data[name]).toBeNull();
    }
  });

  it('says every problem of a body at once, each with its place', async () => {
    const answer = await send('POST', path, {
      body: {
        title: 'no!',
        quantity: '9223372036854775808',
        ratio: 'x',
        amount: '0.00001',
        approved: 'yes',
        due: '2023-02-29',
        seen_at: '2026-01-01T00:00:00',
        token: 'nope',
        status: 'lost',
        maker: 7,
        position: { lat: 91, lon: 0 },
        tags: ['a', 1],
        counts: [1.5],
      },
    });
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    const pointers = answer
      .json()
      .details.problems.map((problem: { pointer: string }) => problem.pointer);
    expect(pointers.sort()).toEqual(
      [
        ...['/amount', '/approved', '/counts/0', '/due', '/maker', '/position/lat', '/quantity'],
        ...['/ratio', '/seen_at', '/status', '/tags/1', '/title', '/token'],
      ].sort(),
    );
  });
});

describe('a change', () => {
  it('merges json members, removes with null, replaces the rest (RFC 7396)', async () => {
    const { url } = await create({ attributes: { a: { b: 1, c: 2 }, d: 3 }, tags: ['x'] });
    const patch = { attributes: { a: { b: null, e: 5 }, d: null }, tags: ['y'], quantity: null };
    const answer = await send('PATCH', url, { headers: { 'if-match': '"1"' }, body: patch });
    expect(answer.json().data).toMatchObject({
      attributes: { a: { c: 2, e: 5 } },
      tags: ['y'],
      quantity: null,
      version: 2,
    });
  });

  it('follows a JSON Patch (RFC 6902), test included', async () => {
    const { url } = await create({ tags: ['a', 'c'], quantity: 1 });
    const headers = { 'content-type': 'application/json-patch+json' };
    const change = (version: number, body: unknown) =>
      send('PATCH', url, { headers: { ...headers, 'if-match': `"${version}"` }, body });
    const done = await change(1, [
      { op: 'test', path: '/quantity', value: 1 },
      { op: 'add', path: '/tags/1', value: 'b' },
      { op: 'remove', path: '/title' },
      { op: 'copy', from: '/code', path: '/serial' },
    ]);
    expect(done.statusCode, done.body).toBe(200);
    expect(done.json().data).toMatchObject({ tags: ['a', 'b', 'c'], title: null, version: 2 });
    const failing = await change(2, [{ op: 'test', path: '/quantity', value: 2 }]);
    expect(failing.json()).toMatchObject({ status: 409 });
    for (const path of [
      '/nothing',
      '/nothing/deep',
      '/id',
      '/__proto__/x',
      '/attributes/__proto__/x',
    ]) {
      const refused = await change(2, [{ op: 'add', path, value: 1 }]);
      expect(refused.statusCode, `${path}: ${refused.body}`).toBe(400);
    }
    expect((await send('GET', url)).json().data.version).toBe(2);
  });

  it('replaces all that the caller may write, defaults filling what is left out', async () => {
    const { url } = await create({ title: 'old', quantity: 5, tags: ['x'] });
    const answer = await send('PUT', url, { headers: { 'if-match': '"1"' }, body: { ratio: 2 } });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json().data).toMatchObject({
      title: 'untitled',
      quantity: null,
      tags: null,
      ratio: 2,
      version: 2,
    });
  });

  it('keeps immutable fields, whatever their spelling', async () => {
    const { url } = await create({ serial: 'fixed' });
    const change = (body: object) => send('PATCH', url, { body: { ...body, version: 1 } });
    expect((await change({ serial: 'other' })).json()).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect((await change({ serial: 'fixed' })).statusCode).toBe(200);
  });
});

describe('preconditions', () => {
  it('are asked for, and stale ones refused in the code of their place', async () => {
    const { url } = await create();
    const outcomes: unknown[] = [];
    const attempt = async (method: 'PATCH' | 'PUT' | 'DELETE', headers: object, body?: object) => {
      const answer = await send(method, url, {
        headers: headers as Record<string, string>,
        ...(body !== undefined && { body }),
      });
      outcomes.push([method, answer.statusCode, answer.body === '' ? '' : answer.json().code]);
    };
    await attempt('PATCH', {}, { title: 'x' });
    await attempt('PUT', {}, { title: 'x' });
    await attempt('PATCH', {}, { title: 'x', version: 2 });
    await attempt('PUT', {}, { title: 'x', version: 2 });
    await attempt('PATCH', { 'if-match': '"2"' }, { title: 'x' });
    await attempt('PUT', { 'if-match': '"2"' }, { title: 'x' });
    await attempt('PATCH', { 'if-match': '"1"' }, { title: 'x', version: 2 });
    await attempt('DELETE', { 'if-match': '"2"' });
    await attempt('DELETE', {});
    expect(outcomes).toEqual([
      ['PATCH', 428, 'PRECONDITION_REQUIRED'],
      ['PUT', 428, 'PRECONDITION_REQUIRED'],
      ['PATCH', 409, 'OPTIMISTIC_LOCK_FAILED'],
      ['PUT', 409, 'OPTIMISTIC_LOCK_FAILED'],
      ['PATCH', 412, 'PRECONDITION_FAILED'],
      ['PUT', 412, 'PRECONDITION_FAILED'],
      ['PATCH', 400, 'BAD_REQUEST'],
      ['DELETE', 412, 'PRECONDITION_FAILED'],
      ['DELETE', 204, ''],
    ]);
  });

  it('spare the answer that the caller has already', async () => {
    const { url } = await create();
    const get = (tag: string) => send('GET', url, { headers: { 'if-none-match': tag } });
    expect((await get('"1"')).statusCode).toBe(304);
    expect((await get('"0"')).statusCode).toBe(200);
  });
});

describe('put', () => {
  it('creates under the id it is given, once', async () => {
    const id = '01990000-0000-7000-8000-0000000000aa';
    const url = `${path}/${id}`;
    const made = await send('PUT', url, { body: { title: 'put' } });
    expect(made.statusCode, made.body).toBe(201);
    expect(made.headers['location']).toBe(url);
    expect((await send('PUT', url, { body: { title: 'again' } })).statusCode).toBe(428);
    expect((await send('DELETE', url)).statusCode).toBe(204);
    expect((await send('PUT', url, { body: { title: 'back' } })).json()).toMatchObject({
      status: 409,
      code: 'UNIQUE_CONSTRAINT_VIOLATION',
    });
  });

  it('refuses a version of a record that is not there', async () => {
    const url = `${path}/01990000-0000-7000-8000-0000000000ab`;
    const stale = await send('PUT', url, { body: { version: 3 } });
    expect(stale.json()).toMatchObject({ status: 409, code: 'OPTIMISTIC_LOCK_FAILED' });
    const failed = await send('PUT', url, { headers: { 'if-match': '"3"' }, body: {} });
    expect(failed.json()).toMatchObject({ status: 412, code: 'PRECONDITION_FAILED' });
    expect((await send('GET', url)).statusCode).toBe(404);
  });
});

describe('upsert', () => {
  it('creates, then changes what was given and nothing else', async () => {
    const upsert = (body: object) => send('POST', `${path}?onConflict=code`, { body });
    const made = await upsert({ code: 'u', title: 'one', quantity: 1 });
    expect([made.statusCode, made.json().data.version]).toEqual([201, 1]);
    const changed = await upsert({ code: 'u', quantity: 2 });
    expect([changed.statusCode, changed.json().data.version]).toEqual([200, 2]);
    expect(changed.json().data).toMatchObject({
      title: 'one',
      quantity: 2,
      id: made.json().data.id,
    });
    expect((await upsert({ code: 'u', serial: 'x' })).json()).toMatchObject({
      status: 400,
      code: 'VALIDATION_ERROR',
    });
    await send('DELETE', `${path}/${made.json().data.id}`);
    expect((await upsert({ code: 'u' })).json().code).toBe('UNIQUE_CONSTRAINT_VIOLATION');
  });

  it('wants a unique field', async () => {
    for (const [field, code] of [
      ['title', 'BAD_REQUEST'],
      ['nothing', 'UNKNOWN_FIELD'],
    ]) {
      const answer = await send('POST', `${path}?onConflict=${field}`, { body: { code: 'u' } });
      expect(answer.json()).toMatchObject({ status: 400, code });
    }
  });
});
