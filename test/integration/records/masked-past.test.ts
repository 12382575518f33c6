import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';

/** The masks of now hold for the past, under whatever name and type a field had then. */

let api: TestApi;
let writer: Caller;
let clerk: Caller;
let path: string;
let id: string;

const unmaskedFor = ['writer'];
const partial = { strategy: 'partial', keepLast: 2, unmaskedFor };
const redact = { strategy: 'redact', unmaskedFor };

async function reshape(...fields: object[]): Promise<void> {
  const roles = [
    { role: 'writer', operations: ['*'] },
    { role: 'clerk', operations: ['read', 'history'] },
  ];
  await api.provide(
    api.tenant.schema('item', {
      fields: [{ name: 'title', type: 'string' }, ...fields],
      spec: { access: { roles } },
    }),
  );
}

beforeAll(async () => {
  api = await openTestApi();
  path = api.path('item');
  await reshape(
    { name: 'ssn', type: 'string' },
    { name: 'amount', type: 'string', mask: { strategy: 'hash' } },
    { name: 'gone', type: 'string', mask: redact },
    { name: 'open', type: 'string' },
  );
  writer = callerOf(api, await api.keyFor('wanda', ['writer']));
  clerk = callerOf(api, await api.keyFor('carl', ['clerk']));
  const first = { title: 'one', ssn: 'ssn-0001', gone: 'gone-1', open: 'open-1' };
  const admin = callerOf(api, api.adminKey);
  const made = await admin('POST', path, { body: { ...first, amount: '7777777' } });
  expect(made.statusCode, made.body).toBe(201);
  id = made.json().data.id;

  await reshape(
    { name: 'tax_id', renamedFrom: 'ssn', type: 'string', mask: partial },
    { name: 'amount', type: 'integer', mask: redact },
  );
  const second = { tax_id: 'ssn-0002', amount: 8_888_888, version: 1 };
  const changed = await writer('PATCH', `${path}/${id}`, { body: second });
  expect(changed.statusCode, changed.body).toBe(200);
});

afterAll(() => api?.close());

async function states(caller: Caller, query = ''): Promise<unknown[]> {
  const answer = await caller('GET', `${path}/${id}/history${query}`);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().data.map(({ record }: { record: unknown }) => record);
}

describe('a masked field', () => {
  it('is masked in versions from before it had a mask, as records are now', async () => {
    expect(await states(clerk)).toMatchObject([
      { title: 'one', tax_id: '***02', amount: '***' },
      { title: 'one', tax_id: '***01', amount: '***' },
    ]);
    expect(await states(writer)).toMatchObject([
      { tax_id: 'ssn-0002', amount: 8_888_888 },
      { tax_id: 'ssn-0001', amount: 7_777_777 },
    ]);
  });

  it('is masked under its name of then, and by its last mask where it was dropped', async () => {
    const [, first] = await states(clerk, '?revision=original');
    expect(first).toMatchObject({ ssn: '***01', amount: '***', gone: '***', open: 'open-1' });
    expect((await states(writer, '?revision=original'))[1]).toMatchObject({
      ...{ ssn: 'ssn-0001', amount: '7777777', gone: 'gone-1' },
    });
  });
});
