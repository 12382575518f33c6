import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';

/**
 * One record, written under one revision after the other: a field is renamed, one changes its type,
 * one is dropped, one comes, and another takes a name that had become free.
 */

let api: TestApi;
let wanda: Caller;
let path: string;
let id: string;

const roles = [
  { role: 'writer', operations: ['*'] },
  { role: 'clerk', operations: ['read', 'history'] },
  { role: 'reader', operations: ['read'] },
];
const rowFilter = [
  { role: 'clerk', filter: { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' } },
];
const region = { name: 'region', type: 'string' };
const secret = { name: 'secret', type: 'string', access: { read: ['writer'] } };

async function reshape(...fields: object[]): Promise<void> {
  const spec = { access: { roles, rowFilter } };
  await api.provide(api.tenant.schema('item', { fields: [region, ...fields], spec }));
}

async function patch(body: Record<string, unknown>): Promise<void> {
  const { version } = (await wanda('GET', `${path}/${id}`)).json().data;
  const answer = await wanda('PATCH', `${path}/${id}`, { body: { ...body, version } });
  expect(answer.statusCode, answer.body).toBe(200);
}

beforeAll(async () => {
  api = await openTestApi();
  path = api.path('item');
  await reshape(
    { name: 'title', type: 'string' },
    { name: 'amount', type: 'string' },
    { name: 'note', type: 'string' },
    secret,
  );
  wanda = callerOf(api, await api.keyFor('wanda', ['writer']));
  const first = { region: 'north', title: 'one', amount: 'many', note: 'kept', secret: 's1' };
  const made = await wanda('POST', path, { body: first });
  expect(made.statusCode, made.body).toBe(201);
  id = made.json().data.id;
  await patch({ title: 'two', amount: '7', note: 'kept too', secret: 's2' });

  await reshape(
    { name: 'subject', renamedFrom: 'title', type: 'string' },
    { name: 'amount', type: 'integer' },
    secret,
  );
  await patch({ subject: 'three', amount: 8, secret: 's3' });

  await reshape(
    { name: 'subject', type: 'string' },
    { name: 'amount', type: 'decimal', precision: 20, scale: 2 },
    { name: 'title', type: 'integer' },
    secret,
  );
  await patch({ subject: 'four', amount: '9.50', title: 4 });
});

afterAll(() => api?.close());

const history = (caller: Caller, query = '') => caller('GET', `${path}/${id}/history${query}`);
const user = ['region', 'subject', 'title', 'amount', 'note', 'secret'];

/** The user's fields of each version, oldest first. */
async function statesOf(caller: Caller, query = ''): Promise<Record<string, unknown>[]> {
  const answer = await history(caller, query);
  expect(answer.statusCode, answer.body).toBe(200);
  const { data } = answer.json() as { data: { record: Record<string, unknown> }[] };
  return data
    .map(({ record }) =>
      Object.fromEntries(Object.entries(record).filter(([name]) => user.includes(name))),
    )
    .reverse();
}

describe('the history of a record', () => {
  it('is told as records are now: renames followed, values converted, what does not fit named', async () => {
    expect(await statesOf(wanda)).toEqual([
      { region: 'north', subject: 'one', amount: null, title: null, secret: 's1' },
      { region: 'north', subject: 'two', amount: '7.00', title: null, secret: 's2' },
      { region: 'north', subject: 'three', amount: '8.00', title: null, secret: 's3' },
      { region: 'north', subject: 'four', amount: '9.50', title: 4, secret: 's3' },
    ]);
    const { data } = (await history(wanda)).json();
    expect(data.map(({ lost }: { lost: string[] }) => lost)).toEqual([[], [], [], ['amount']]);
  });

  it('reads back under the revision that wrote it', async () => {
    expect(await statesOf(wanda, '?revision=original')).toEqual([
      { region: 'north', title: 'one', amount: 'many', note: 'kept', secret: 's1' },
      { region: 'north', title: 'two', amount: '7', note: 'kept too', secret: 's2' },
      { region: 'north', subject: 'three', amount: 8, secret: 's3' },
      { region: 'north', subject: 'four', amount: '9.50', title: 4, secret: 's3' },
    ]);
  });

  it('says who did what and when, and pages by cursor', async () => {
    const all = (await history(wanda)).json().data;
    expect(
      all.map(({ version, operation, actor, revision }: Record<string, unknown>) => [
        version,
        operation,
        actor,
        revision,
      ]),
    ).toEqual([
      [4, 'update', 'wanda', 3],
      [3, 'update', 'wanda', 2],
      [2, 'update', 'wanda', 1],
      [1, 'create', 'wanda', 1],
    ]);
    expect(all[0].record).toMatchObject({ id, version: 4, updated_at: all[0].occurredAt });
    const walked: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await history(wanda, `?limit=2${more}`)).json();
      expect(page.data).toHaveLength(2);
      walked.push(...page.data);
      cursor = page.pagination.cursor;
    }
    expect(walked).toEqual(all);
    expect((await history(wanda, '?cursor=x')).json()).toMatchObject({ code: 'CURSOR_INVALID' });
    for (const bad of ['?limit=0', '?limit=1001', '?limit=x', '?revision=2', '?at=now']) {
      expect((await history(wanda, bad)).statusCode, bad).toBe(400);
    }
  });

  it('keeps from a caller what the rules of now keep, whatever they were then', async () => {
    const { namespace } = api.tenant;
    const clerk = async (actor: string, of: string) => {
      await api.provide(
        manifest('RoleBinding', actor, namespace, {
          ...{ actorId: actor, roles: ['clerk'] },
          scopes: [{ schema: '*', attributes: { region: of } }],
        }),
      );
      return callerOf(api, await api.keyFor(actor, []));
    };
    const north = await clerk('nora', 'north');
    const south = await clerk('sam', 'south');
    for (const query of ['', '?revision=original']) {
      const states = await statesOf(north, query);
      expect(states).toHaveLength(4);
      for (const state of states) expect(state).not.toHaveProperty('secret');
      expect((await history(south, query)).json()).toMatchObject({
        ...{ status: 404, code: 'ENTITY_NOT_FOUND' },
      });
    }
    // A key that lists its fields means those of now.
    const scopes = [{ schema: 'item', fields: { read: ['region', 'subject'] } }];
    const narrow = callerOf(api, await api.keyFor('wanda', [], { scopes }));
    expect((await statesOf(narrow, '?revision=original')).map(Object.keys)).toEqual([
      ['region', 'title'],
      ['region', 'title'],
      ['region', 'subject'],
      ['region', 'subject'],
    ]);
    const reader = callerOf(api, await api.keyFor('rita', ['reader']));
    expect((await history(reader)).json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
  });

  it('is kept by Postgres itself from who cannot see the record', async () => {
    const pgNamespace = namespaceOf();
    const { rows } = await api.operator.query<{ role: string }>({
      text: `select pg_role as role from platform.domains where pg_namespace = $1`,
      values: [pgNamespace],
    });
    const seen = (grants: string) =>
      api.deps.pool.transaction(async (tx) => {
        await tx.query({
          text: `select set_config('role', $1, true), set_config('velocity.grants', $2, true),
                        set_config('velocity.organisation', $3, true)`,
          values: [rows[0]?.role, grants, api.tenant.organisation],
        });
        const found = await tx.query({ text: `select from ${pgNamespace}.item_v1_history` });
        return found.rowCount;
      });
    expect(await seen('{}')).toBe(0);
    const writer = { [path.replace('/api/', '')]: [{ role: 'writer', attributes: {} }] };
    expect(await seen(JSON.stringify(writer))).toBe(4);
    const refused = api.deps.pool.query({ text: `select from ${pgNamespace}.item_v1_history` });
    await expect(refused).rejects.toThrow();
  });

  it('goes on after a deletion, and is nothing for a record that never was', async () => {
    expect((await wanda('DELETE', `${path}/${id}`)).statusCode).toBe(204);
    const { data } = (await history(wanda)).json();
    expect(data[0]).toMatchObject({ operation: 'delete', version: 5, record: { subject: 'four' } });
    const never = await wanda('GET', `${path}/${id.replace(/^.{4}/, '0000')}/history`);
    expect(never.json()).toMatchObject({ status: 404, code: 'ENTITY_NOT_FOUND' });
    expect((await wanda('GET', `${path}/nothing/history`)).statusCode).toBe(404);
  });
});

const namespaceOf = (): string => api.tenant.namespace.replaceAll('-', '_');
