import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';

/** Nothing grows, rounds or is cut off in silence. */

let api: TestApi;
let send: Caller;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('note', {
      fields: [
        { name: 'topic', type: 'string', filterable: true },
        { name: 'at', type: 'datetime' },
        { name: 'doc', type: 'json' },
      ],
    }),
  );
  path = api.path('note');
  send = callerOf(api, api.adminKey);
});

afterAll(() => api?.close());

it('a json value does not grow beyond what one body may bring, patch after patch', async () => {
  const made = await send('POST', path, { body: { doc: {} } });
  const { id } = made.json().data;
  const half = 'x'.repeat(600_000);
  const first = await send('PATCH', `${path}/${id}`, { body: { version: 1, doc: { a: half } } });
  expect(first.statusCode, first.body.slice(0, 200)).toBe(200);
  const second = await send('PATCH', `${path}/${id}`, { body: { version: 2, doc: { b: half } } });
  expect(second.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  const bulk = await send('POST', `${path}/bulk`, {
    body: [{ op: 'update', id, record: { doc: { b: half } } }],
  });
  expect(bulk.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  const patched = await send('PATCH', `${path}/${id}`, {
    headers: { 'content-type': 'application/json-patch+json', 'if-match': '"2"' },
    body: [{ op: 'add', path: '/doc/b', value: half }],
  });
  expect(patched.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
});

it('a time with more digits than microseconds is refused, and year 0 with it', async () => {
  for (const [at, status] of [
    ['2026-01-31T12:00:00.123456Z', 201],
    ['2026-01-31T12:00:00+02:00', 201],
    ['0001-01-01T00:00:00Z', 201],
    ['2026-01-31T12:00:00.1234567Z', 400],
    ['0000-01-01T00:00:00Z', 400],
  ] as const) {
    const answer = await send('POST', path, { body: { at } });
    expect(answer.statusCode, `${at} ${answer.body}`).toBe(status);
    if (status === 400) expect(answer.json().details.problems[0].pointer).toBe('/at');
  }
});

it('groups beyond the limit say where they go on', async () => {
  const body = Array.from({ length: 5 }, (_, n) => ({ op: 'create', record: { topic: `t${n}` } }));
  expect((await send('POST', `${path}/bulk`, { body })).statusCode).toBe(200);
  const topics: unknown[] = [];
  let offset: number | undefined = 0;
  for (let page = 0; page < 5 && offset !== undefined; page++) {
    const answer = await send('POST', `${path}/query`, {
      body: {
        where: { and: [{ field: 'topic', op: 'is_not_null' }] },
        groupBy: ['topic'],
        aggregate: [{ fn: 'count', as: 'n' }],
        limit: 2,
        offset,
      },
    });
    expect(answer.statusCode, answer.body).toBe(200);
    topics.push(...answer.json().data.map((group: { topic: string }) => group.topic));
    offset = answer.json().pagination.nextOffset;
  }
  expect(topics).toEqual(['t0', 't1', 't2', 't3', 't4']);
});

it('a JSON Patch may test the version, and not change it', async () => {
  const made = await send('POST', path, { body: { topic: 'p' } });
  const { id } = made.json().data;
  const patch = (operations: object[]) =>
    send('PATCH', `${path}/${id}`, {
      headers: { 'content-type': 'application/json-patch+json', 'if-match': '"1"' },
      body: operations,
    });
  const replaced = await patch([{ op: 'replace', path: '/id', value: 'x' }]);
  expect(replaced.json()).toMatchObject({ status: 400, code: 'UNKNOWN_FIELD' });
  const tested = await patch([
    { op: 'test', path: '/version', value: 1 },
    { op: 'replace', path: '/topic', value: 'q' },
  ]);
  expect(tested.statusCode, tested.body).toBe(200);
});
