import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/api/app.ts';
import { errorCodes } from '../../src/errors.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let key: string;
let readerKey: string;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('note', {
      fields: [
        { name: 'title', type: 'string', unique: true, filterable: true, sortable: true },
        { name: 'secret', type: 'string', access: { read: ['auditor'] } },
      ],
      spec: {
        access: {
          roles: [
            { role: 'writer', operations: ['create', 'read', 'update', 'delete'] },
            { role: 'reader', operations: ['read'] },
          ],
        },
      },
    }),
  );
  key = await api.keyFor('wanda', ['writer']);
  readerKey = await api.keyFor('rita', ['reader']);
  path = api.path('note');
});

afterAll(() => api?.close());

const json = { 'content-type': 'application/json' };

async function create(title: string, headers: Record<string, string> = {}) {
  const payload = JSON.stringify({ title });
  return api.call(key, { method: 'POST', url: path, headers: { ...json, ...headers }, payload });
}

describe('a success', () => {
  it('is 201 with Location, ETag, data and request id', async () => {
    const answer = await create('first');
    expect(answer.statusCode, answer.body).toBe(201);
    const { data, requestId } = answer.json();
    expect(data).toMatchObject({ title: 'first', version: 1, created_by: 'wanda' });
    expect(data).not.toHaveProperty('secret');
    expect(answer.headers).toMatchObject({
      location: `${path}/${data.id}`,
      etag: '"1"',
      'x-request-id': requestId,
      'content-type': 'application/json; charset=utf-8',
    });
  });

  it('is 304 when If-None-Match names the version', async () => {
    const { data } = (await create('cached')).json();
    const url = `${path}/${data.id}`;
    for (const tag of ['"1"', 'W/"1"', '"9", "1"', '*']) {
      const answer = await api.call(key, { url, headers: { 'if-none-match': tag } });
      expect([answer.statusCode, answer.body]).toEqual([304, '']);
    }
    const stale = await api.call(key, { url, headers: { 'if-none-match': '"2"' } });
    expect(stale.statusCode).toBe(200);
  });

  it('is a page with pagination', async () => {
    await Promise.all(['p1', 'p2', 'p3'].map((title) => create(title)));
    const url = `${path}?filter[title][starts_with]=p&sort=title&limit=2&count=exact`;
    const first = (await api.call(key, { url })).json();
    expect(first.data.map((record: { title: string }) => record.title)).toEqual(['p1', 'p2']);
    expect(first.pagination).toMatchObject({ limit: 2, total: 3, cursor: expect.any(String) });
    const next = `${url}&cursor=${encodeURIComponent(first.pagination.cursor)}`;
    const second = (await api.call(key, { url: next })).json();
    expect(second.data).toHaveLength(1);
    expect(second.pagination.cursor).toBeNull();
    const body = { where: { field: 'title', op: 'eq', value: 'p2' }, select: ['title'] };
    const queried = await api.call(key, {
      method: 'POST',
      url: `${path}/query`,
      headers: json,
      payload: JSON.stringify(body),
    });
    expect(queried.json().data).toEqual([{ title: 'p2' }]);
  });

  it('replays under its idempotency key and says so', async () => {
    const headers = { 'idempotency-key': 'only-once' };
    const [one, two] = [await create('once', headers), await create('once', headers)];
    expect(two.json().data).toEqual(one.json().data);
    expect(one.headers['idempotency-replayed']).toBeUndefined();
    expect(two.headers).toMatchObject({ 'idempotency-replayed': 'true', etag: '"1"' });
    expect((await create('twice', headers)).json().code).toBe('IDEMPOTENCY_CONFLICT');
  });

  it('changes, replaces and deletes with the version', async () => {
    const { data } = (await create('changing')).json();
    const url = `${path}/${data.id}`;
    const patch = (headers: object, payload: object) =>
      api.call(key, {
        method: 'PATCH',
        url,
        headers: { ...json, ...headers },
        payload: JSON.stringify(payload),
      });
    expect((await patch({}, { title: 'x' })).json().code).toBe('PRECONDITION_REQUIRED');
    expect((await patch({}, { title: 'x', version: 7 })).statusCode).toBe(409);
    expect((await patch({ 'if-match': '"7"' }, { title: 'x' })).statusCode).toBe(412);
    const disagreeing = await patch({ 'if-match': '"1"' }, { title: 'x', version: 2 });
    expect(disagreeing.statusCode).toBe(400);
    const changed = await patch({ 'if-match': '"1"' }, { title: 'changed' });
    expect(changed.headers['etag']).toBe('"2"');
    const pointed = await api.call(key, {
      method: 'PATCH',
      url,
      headers: { 'content-type': 'application/json-patch+json', 'if-match': '"2"' },
      payload: JSON.stringify([{ op: 'replace', path: '/title', value: 'pointed' }]),
    });
    expect(pointed.json().data).toMatchObject({ title: 'pointed', version: 3 });
    const removed = await api.call(key, { method: 'DELETE', url, headers: { 'if-match': '"3"' } });
    expect([removed.statusCode, removed.body]).toEqual([204, '']);
    expect((await api.call(key, { url })).json().code).toBe('ENTITY_NOT_FOUND');
  });
});

describe('a refusal', () => {
  it('is a problem document with our members', async () => {
    const answer = await api.call(key, { url: `${path}?filter[nothing]=1` });
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const problem = answer.json();
    expect(problem).toMatchObject({
      type: 'https://velocity.sh/errors/unknown-field',
      title: errorCodes.UNKNOWN_FIELD[1],
      status: 400,
      code: 'UNKNOWN_FIELD',
      instance: path,
      requestId: answer.headers['x-request-id'],
      details: expect.any(Object),
    });
    expect(problem.detail).toBe(problem.message);
  });

  it('keeps a well-formed request id and replaces any other', async () => {
    const echo = async (id: string) =>
      (await api.call(undefined, { url: '/healthz', headers: { 'x-request-id': id } })).headers[
        'x-request-id'
      ];
    expect(await echo('my-id_1.2:3')).toBe('my-id_1.2:3');
    for (const id of ['', 'two words', '"quoted"', 'x'.repeat(129), 'é']) {
      expect(await echo(id)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('tells nothing of a bug', async () => {
    const snapshot = () => {
      throw new Error('password=hunter2');
    };
    const app = buildApp({ ...api.deps, registry: { ...api.deps.registry, snapshot } });
    const answer = await app.inject({ url: path, headers: { authorization: `Bearer ${key}` } });
    expect(answer.json()).toMatchObject({ status: 500, code: 'INTERNAL_ERROR', details: {} });
    expect(answer.body).not.toContain('hunter2');
    await app.close();
  });

  it('is 405 with Allow on a known address, 404 on an unknown one', async () => {
    const answer = await api.call(key, { method: 'DELETE', url: path });
    expect(answer.json()).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
    const item = await api.call(key, { method: 'POST', url: `${path}/some-id` });
    expect(item.headers['allow']).toBe('GET, HEAD, PUT, PATCH, DELETE');
    for (const url of ['/nothing', '/api/a/b', `${path}/x/y`, `${path}x`]) {
      const missing = await api.call(key, { url });
      expect(missing.json(), url).toMatchObject({ status: 404, code: 'SCHEMA_NOT_FOUND' });
    }
    expect((await api.call(key, { url: '/api/%zz/x' })).json()).toMatchObject({ status: 400 });
  });

  it('is 401 without credentials, before anything is read of the body', async () => {
    for (const credentials of [{}, { authorization: 'Basic eDp5' }, { 'x-api-key': 'vel_a_b' }]) {
      const answer = await api.call(undefined, {
        method: 'POST',
        url: path,
        headers: { ...json, ...credentials },
        payload: '{"broken',
      });
      expect(answer.json()).toMatchObject({ status: 401, code: 'AUTH_INVALID_TOKEN' });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  it('is kept in the audit when access control denies', async () => {
    const answer = await api.call(readerKey, {
      method: 'POST',
      url: `${path}?reason=none`,
      headers: json,
      payload: '{"title":"denied"}',
    });
    expect(answer.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    const { rows } = await api.operator.query<Record<string, unknown>>({
      text: 'select actor, outcome, layer, payload from platform.audit_log where request_id = $1',
      values: [answer.headers['x-request-id']],
    });
    expect(rows).toMatchObject([{ actor: 'rita', outcome: 'denied', layer: 'rbac' }]);
    expect(JSON.stringify(rows)).not.toContain('title');
  });
});
