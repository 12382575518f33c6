import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

/** Abuse cases 14 to 16, and api.md's "Bad input". */

let api: TestApi;
let key: string;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('note', {
      fields: [
        { name: 'title', type: 'string', filterable: true, sortable: true },
        { name: 'count', type: 'integer' },
        { name: 'extra', type: 'json' },
      ],
      spec: { access: { roles: [{ role: 'writer', operations: ['*'] }] } },
    }),
  );
  key = await api.keyFor('wanda', ['writer']);
  path = api.path('note');
});

afterAll(() => api?.close());

const json = { 'content-type': 'application/json' };
const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`;

const refusedBodies: [name: string, body: string | Buffer, status: number, code: string][] = [
  ['a body over 1 MiB', JSON.stringify({ title: 'x'.repeat(1_100_000) }), 413, 'BODY_TOO_LARGE'],
  ['JSON deeper than 32', `{"extra":${deep}}`, 400, 'VALIDATION_ERROR'],
  ['a depth bomb', '['.repeat(200_000), 400, 'VALIDATION_ERROR'],
  ['__proto__', '{"title":"a","__proto__":{"x":1}}', 400, 'VALIDATION_ERROR'],
  ['constructor', '{"extra":{"constructor":{}}}', 400, 'VALIDATION_ERROR'],
  ['NUL', '{"title":"a\\u0000b"}', 400, 'VALIDATION_ERROR'],
  ['a lone surrogate', '{"title":"\\udc00"}', 400, 'VALIDATION_ERROR'],
  ['a number too long for a double', '{"count":12345678901234567890}', 400, 'VALIDATION_ERROR'],
  ['a member twice', '{"title":"a","title":"b"}', 400, 'VALIDATION_ERROR'],
  ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'VALIDATION_ERROR'],
  ['broken JSON', '{"title":', 400, 'VALIDATION_ERROR'],
  ['no body', '', 400, 'VALIDATION_ERROR'],
  ['a list', '[]', 400, ''],
  ['null', 'null', 400, ''],
  ['an unknown member', '{"titel":"a"}', 400, 'UNKNOWN_FIELD'],
];

describe('bad input', () => {
  it.each(refusedBodies)('refuses %s', async (_name, payload, status, code) => {
    for (const [method, url] of [
      ['POST', path],
      ['POST', `${path}/query`],
      ['PATCH', `${path}/018f0000-0000-7000-8000-000000000000`],
    ] as const) {
      const headers = { ...json, ...(method === 'PATCH' && { 'if-match': '"1"' }) };
      const answer = await api.call(key, { method, url, headers, payload });
      // What is no record may well be no query either; a code is expected of the first alone.
      if (url === path && code !== '') expect(answer.json()).toMatchObject({ status, code });
      if (method === 'PATCH' && answer.statusCode === 404) continue;
      expect(answer.statusCode, `${method} ${url}: ${answer.body}`).toBe(status);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  const limits = ['limit=1000000000', 'limit=0', 'limit=-1', 'limit=abc', 'limit=', 'offset=10001'];
  it.each(limits)('refuses ?%s instead of clipping it', async (query) => {
    const answer = await api.call(key, { url: `${path}?${query}` });
    expect(answer.statusCode, answer.body).toBe(400);
  });

  it('takes 16 MiB for bulk, and no more', async () => {
    const url = `${path}/bulk`;
    const row = { op: 'create', record: { title: 'x'.repeat(2_000) } };
    const payload = JSON.stringify(Array.from({ length: 1_000 }, () => row));
    expect(payload.length).toBeGreaterThan(1_048_576);
    const taken = await api.call(key, { method: 'POST', url, headers: json, payload });
    expect(taken.statusCode, taken.body.slice(0, 500)).toBe(200);
    const refused = await api.call(key, {
      method: 'POST',
      url,
      headers: json,
      payload: ' '.repeat(16_777_217),
    });
    expect(refused.json()).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' });
  });

  it('refuses more than 10,000 rows', async () => {
    for (const [type, payload] of [
      [
        'application/json',
        JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: 'create' }))),
      ],
      ['application/x-ndjson', '{"op":"create"}\n'.repeat(10_001)],
    ] as const) {
      const request = { method: 'POST', url: `${path}/bulk`, payload } as const;
      const answer = await api.call(key, { ...request, headers: { 'content-type': type } });
      expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    }
  });

  it.each([
    ['text/plain', 'application/json'],
    ['application/x-www-form-urlencoded', 'application/json'],
    ['application/x-ndjson', 'application/json'],
    ['application/json-patch+json', 'application/json'],
    ['application/json; charset=utf-16', 'UTF-8'],
  ])('refuses %s with 415 and says what it takes', async (type, wanted) => {
    const headers = { 'content-type': type };
    const answer = await api.call(key, { method: 'POST', url: path, headers, payload: '{}' });
    expect(answer.json()).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    expect(answer.json().hint).toContain(wanted);
  });

  it('refuses a body without a type, and a compressed one', async () => {
    const plain = await api.call(key, { method: 'POST', url: path, payload: Buffer.from('{}') });
    expect(plain.statusCode).toBe(415);
    const headers = { ...json, 'content-encoding': 'gzip' };
    const packed = await api.call(key, { method: 'POST', url: path, headers, payload: '{}' });
    expect(packed.statusCode).toBe(415);
  });

  it.each([
    ['if-match', '7'],
    ['if-match', '"a"'],
    ['if-match', '"1", "2"'],
    ['idempotency-key', 'two words'],
    ['idempotency-key', 'x'.repeat(256)],
    ['x-audit-reason', 'r'.repeat(1_001)],
  ])('refuses the header %s: %s', async (name, value) => {
    const url = `${path}/018f0000-0000-7000-8000-000000000000`;
    const headers = { ...json, [name]: value };
    const answer = await api.call(key, { method: 'PATCH', url, headers, payload: '{"title":"a"}' });
    expect(answer.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });

  it('refuses unknown and repeated parameters', async () => {
    for (const query of ['onconflict=title', 'onConflict=title&onConflict=count']) {
      const url = `${path}?${query}`;
      const answer = await api.call(key, { method: 'POST', url, headers: json, payload: '{}' });
      expect(answer.statusCode, answer.body).toBe(400);
    }
  });
});
