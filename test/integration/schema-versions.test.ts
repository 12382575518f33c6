import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { findCondition } from '../../src/resources/status.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

/** Versions of one schema, each with a table and routes of its own, served side by side. */

let api: TestApi;
let send: Caller;

const writer = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
const title = { name: 'title', type: 'string', filterable: true };

beforeAll(async () => {
  api = await openTestApi();
  send = callerOf(api, await api.keyFor('wanda', ['writer']));
});

afterAll(() => api?.close());

function at(object: string, version: string): string {
  return api.path(object).replace(/v1$/, version);
}

function provide(name: string, version: string, fields: object[] = [title], spec = {}) {
  return api.provide(api.tenant.schema(name, { fields, spec: { ...writer, version, ...spec } }));
}

async function find(name: string): Promise<SchemaDefinition> {
  const { namespace } = api.tenant;
  const key = { kind: 'SchemaDefinition', namespace, name } as const;
  return (await api.deps.resources.find(key)) as SchemaDefinition;
}

async function create(path: string, record: object): Promise<string> {
  const made = await send('POST', path, { body: record });
  expect(made.statusCode, made.body).toBe(201);
  return made.json().data.id;
}

describe('a second version', () => {
  it('has a table of its own, beside the first as it was', async () => {
    await provide('order', 'v1');
    const first = await create(at('order', 'v1'), { title: 'one' });
    await provide('order', 'v2', [{ name: 'subject', type: 'string', required: true }]);
    const second = await create(at('order', 'v2'), { subject: 'two' });
    expect((await send('GET', `${at('order', 'v1')}/${first}`)).json().data.title).toBe('one');
    expect((await send('GET', `${at('order', 'v2')}/${first}`)).statusCode).toBe(404);
    expect((await send('GET', `${at('order', 'v2')}/${second}`)).json().data.subject).toBe('two');
    await create(at('order', 'v1'), { title: 'still written' });
    const { status } = await find('order');
    expect(status).toMatchObject({ phase: 'Ready', activeRevision: 2 });
    expect(
      status?.versions?.map(({ version, revision, state }) => [version, revision, state]),
    ).toEqual([
      ['v1', 1, 'serving'],
      ['v2', 2, 'serving'],
    ]);
  });

  it('is listed and described beside the first', async () => {
    const listed = (await send('GET', '/api')).json().data as { path: string }[];
    const paths = listed.map(({ path }) => path).filter((path) => path.includes('/order/'));
    expect(paths.map((path) => path.slice(-2))).toEqual(['v1', 'v2']);
    const { paths: described } = (await send('GET', '/api/openapi.json')).json();
    expect(described).toHaveProperty([at('order', 'v1')]);
    expect(described).toHaveProperty([at('order', 'v2')]);
  });

  it('changes without the first', async () => {
    await provide('order', 'v2', [
      { name: 'subject', type: 'string', required: true },
      { name: 'due', type: 'date' },
    ]);
    await create(at('order', 'v2'), { subject: 'three', due: '2026-11-21' });
    expect(
      (await send('POST', at('order', 'v1'), { body: { due: '2026-11-21' } })).statusCode,
    ).toBe(400);
    expect((await find('order')).status?.versions?.map(({ revision }) => revision)).toEqual([1, 3]);
  });

  it('can be put back, and then the first changes again', async () => {
    await provide('order', 'v1', [title, { name: 'note', type: 'string' }]);
    await create(at('order', 'v1'), { title: 'x', note: 'y' });
    await create(at('order', 'v2'), { subject: 'goes on' });
    expect((await find('order')).status?.versions?.map(({ revision }) => revision)).toEqual([4, 3]);
  });

  it('counts against the quota of versions', async () => {
    const [organisation] = api.tenant.base as [{ spec: object }];
    const quota = (maxVersionsPerSchema: number) => ({
      ...organisation,
      spec: { ...organisation.spec, resourceQuotas: { maxVersionsPerSchema } },
    });
    await api.provide(quota(2));
    await expect(provide('order', 'v3')).rejects.toMatchObject({
      details: { problems: [expect.objectContaining({ rule: 'quota', pointer: '/spec/version' })] },
    });
    await api.provide(quota(10));
  });
});

describe('a reference', () => {
  it('pins the version that it names, which then cannot be retired', async () => {
    const { namespace } = api.tenant;
    await provide('maker', 'v1');
    const maker = await create(at('maker', 'v1'), { title: 'Acme' });
    await provide('maker', 'v2');
    const ref = { name: 'maker', type: 'ref', ref: api.tenant.reference('maker') };
    await provide('item', 'v1', [title, ref]);
    await create(at('item', 'v1'), { title: 'wheel', maker });
    const other = await create(at('maker', 'v2'), { title: 'Other' });
    const refused = await send('POST', at('item', 'v1'), { body: { title: 'x', maker: other } });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'REFERENCE_CONFLICT']);

    await provide('maker', 'v1', [title], { lifecycle: { stage: 'retired' } });
    const found = await find('maker');
    expect(findCondition(found, 'Ready')).toMatchObject({
      reason: 'Referenced',
      message: expect.stringContaining(`${namespace.replaceAll('-', '_')}.item_v1`),
    });
    expect((await send('GET', `${at('maker', 'v1')}/${maker}`)).statusCode).toBe(200);
  });

  it('to a version that is not there is refused, with those that are', async () => {
    const ref = api.tenant.reference('maker', { version: 'v3' });
    const wheel = { name: 'maker', type: 'ref', ref };
    await expect(provide('wheel', 'v1', [wheel])).rejects.toMatchObject({
      details: { problems: [expect.objectContaining({ hint: 'It has "v1", "v2".' })] },
    });
  });
});

describe('a version that ends', () => {
  const day = 86_400_000;
  const lifecycle = { stage: 'deprecated', deprecatedAt: '2026-11-01T00:00:00Z' };

  it('says so on every answer', async () => {
    const sunsetAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 + day).toISOString();
    await provide('ending', 'v1', [title], { lifecycle: { ...lifecycle, sunsetAt } });
    const id = await create(at('ending', 'v1'), { title: 'x' });
    const missing = '00000000-0000-7000-8000-000000000000';
    for (const url of [
      at('ending', 'v1'),
      `${at('ending', 'v1')}/${id}`,
      `${at('ending', 'v1')}/${missing}`,
    ]) {
      const { headers } = await send('GET', url);
      expect(headers['deprecation']).toBe('@1793491200');
      expect(headers['sunset']).toBe(new Date(sunsetAt).toUTCString());
    }
    const { headers } = await send('GET', at('order', 'v1'));
    expect([headers['deprecation'], headers['sunset']]).toEqual([undefined, undefined]);
    const { paths } = (await send('GET', '/api/openapi.json')).json();
    expect(paths[at('ending', 'v1')].get.deprecated).toBe(true);
    expect(paths[at('order', 'v1')].get.deprecated).toBeUndefined();
  });

  it('answers 410 after its sunset, and is not listed any more', async () => {
    const sunsetAt = new Date(Date.now() - day).toISOString();
    const earlier = { ...lifecycle, deprecatedAt: '2026-01-01T00:00:00Z', sunsetAt };
    await provide('ending', 'v1', [title], { lifecycle: earlier });
    const gone = await send('GET', at('ending', 'v1'));
    expect([gone.statusCode, gone.json().code]).toEqual([410, 'VERSION_RETIRED']);
    expect(gone.headers['sunset']).toBe(new Date(sunsetAt).toUTCString());
    const listed = (await send('GET', '/api')).json().data as { object: string }[];
    expect(listed.map(({ object }) => object)).not.toContain('ending');
  });

  it('is a stranger to other organisations', async () => {
    const stranger = await api.keyFor('stranger', [], { organisation: 'elsewhere' });
    const answer = await callerOf(api, stranger)('GET', at('ending', 'v1'));
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['sunset']).toBeUndefined();
  });
});
