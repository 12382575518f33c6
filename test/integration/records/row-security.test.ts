import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/store/pool.ts';
import { openPool } from '../../../src/store/pool.ts';
import { proveApiRole } from '../../../src/store/prove-role.ts';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { callerOf } from './call.ts';
import type { Trail } from './trail.ts';
import { connect, trailOf } from './trail.ts';

/** Layer 7 alone: what Postgres itself lets through, whatever the API asks for. */

let api: TestApi;
let trail: Trail;
let session: pg.Client;
let role: string;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(
    api.tenant.schema('order', {
      fields: [
        { name: 'region', type: 'string', filterable: true },
        { name: 'amount', type: 'integer' },
      ],
      spec: {
        access: {
          roles: [
            { role: 'seller', operations: ['create', 'read', 'update', 'delete'] },
            { role: 'auditor', operations: ['read'] },
          ],
          rowFilter: [
            {
              role: 'seller',
              filter: { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' },
            },
          ],
        },
      },
    }),
  );
  const send = callerOf(api, api.adminKey);
  for (const region of ['north', 'south', 'south']) {
    const answer = await send('POST', api.path('order'), { body: { region, amount: 1 } });
    expect(answer.statusCode, answer.body).toBe(201);
  }
  trail = trailOf(api, 'order');
  role = `velocity_${trail.namespace}`;
  session = await connect(api.database.apiUrl);
});

afterAll(async () => {
  await session?.end();
  await api?.close();
});

interface Context {
  readonly role?: string;
  readonly organisation?: string;
  readonly grants?: readonly { role: string; attributes?: object }[];
}

/** Runs one statement as the API would, with this much of a context, and takes it back. */
async function within(context: Context, sql: string): Promise<pg.QueryResult> {
  const { organisation = '', grants } = context;
  await session.query('begin');
  try {
    if (context.role !== undefined) await session.query(`set local role ${context.role}`);
    await session.query(
      `select set_config('velocity.organisation', $1, true), set_config('velocity.grants', $2, true)`,
      [organisation, grants === undefined ? '' : JSON.stringify({ [trail.path]: grants })],
    );
    return await session.query(sql);
  } finally {
    await session.query('rollback');
  }
}

const seller = (...regions: string[]) => ({ role: 'seller', attributes: { region: regions } });
const regions = async (context: Context): Promise<string[]> =>
  (await within(context, `select region from ${trail.table} order by region`)).rows.map(
    (row) => row.region,
  );

describe('a session of velocity_api', () => {
  it('without the role of a domain is denied', async () => {
    for (const sql of [
      `select from ${trail.table}`,
      `insert into ${trail.table} (region) values ('north')`,
      `update ${trail.table} set region = 'north'`,
    ]) {
      await expect(within({}, sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('with one but without context sees and changes no rows', async () => {
    expect(await regions({ role })).toEqual([]);
    const updated = await within({ role }, `update ${trail.table} set amount = 2`);
    expect(updated.rowCount).toBe(0);
    await expect(
      within({ role }, `insert into ${trail.table} (region) values ('north')`),
    ).rejects.toMatchObject({ code: '42501' });
  });

  it('in the context of another organisation sees no rows', async () => {
    expect(await regions({ role, organisation: 'other', grants: [{ role: 'auditor' }] })).toEqual(
      [],
    );
  });

  it('keeps no context beyond its transaction', async () => {
    const { organisation } = api.tenant;
    expect(await regions({ role, organisation, grants: [{ role: 'auditor' }] })).toHaveLength(3);
    const { rows } = await session.query(
      `select current_user::text as user, platform.setting('grants') as grants, platform.setting('organisation') as organisation`,
    );
    expect(rows).toEqual([{ user: 'velocity_api', grants: null, organisation: null }]);
  });

  it('sees the rows of its roles: filtered ones add up, an unfiltered one sees all', async () => {
    const see = (...grants: NonNullable<Context['grants']>) =>
      regions({ role, organisation: api.tenant.organisation, grants });
    expect(await see()).toEqual([]);
    expect(await see({ role: 'seller' })).toEqual([]);
    expect(await see({ role: 'seller', attributes: { region: 'north' } })).toEqual(['north']);
    expect(await see({ role: 'seller', attributes: { region: null } })).toEqual([]);
    expect(await see(seller('north', 'east'))).toEqual(['north']);
    expect(await see(seller('north'), seller('south'))).toEqual(['north', 'south', 'south']);
    expect(await see({ role: 'auditor' })).toEqual(['north', 'south', 'south']);
    expect(await see(seller('north'), { role: 'auditor' })).toHaveLength(3);
  });

  it('writes no row into or out of its filter', async () => {
    const context = { role, organisation: api.tenant.organisation, grants: [seller('north')] };
    await expect(
      within(context, `insert into ${trail.table} (region) values ('south')`),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(
      within(context, `update ${trail.table} set region = 'south'`),
    ).rejects.toMatchObject({ code: '42501' });
    const updated = await within(context, `update ${trail.table} set amount = 5`);
    expect(updated.rowCount).toBe(1);
  });

  it('cannot become a role of another server’s making', async () => {
    for (const other of ['velocity_operator', 'velocity_audit', 'postgres', 'pg_read_all_data']) {
      await expect(session.query(`set role ${other}`)).rejects.toThrow();
    }
  });
});

describe('a caller of the API with a row filter', () => {
  it('sees, counts, changes and deletes within it only', async () => {
    const { namespace } = api.tenant;
    const scopes = [{ schema: 'order', attributes: { region: ['north'] } }];
    const spec = { actorId: 'nora', roles: ['seller'], scopes };
    await api.provide(manifest('RoleBinding', 'nora', namespace, spec));
    const nora = callerOf(api, await api.keyFor('nora', []));
    const admin = callerOf(api, api.adminKey);
    const all = (await admin('GET', api.path('order'))).json().data;
    const seen = (await nora('GET', `${api.path('order')}?count=exact`)).json();
    expect([seen.data.length, seen.pagination.total]).toEqual([1, 1]);
    const hidden = all.find((record: { region: string }) => record.region === 'south');
    const url = `${api.path('order')}/${hidden.id}`;
    const missing = url.replace(/[^/]+$/, '01990000-0000-7000-8000-000000000001');
    for (const [method, send] of [
      ['GET', {}],
      ['PATCH', { body: { amount: 3, version: 1 } }],
      ['DELETE', {}],
      ['PUT', { body: { amount: 3, version: 1 } }],
    ] as const) {
      const [one, other] = [await nora(method, url, send), await nora(method, missing, send)];
      const told = (answer: typeof one, at: string): string =>
        JSON.stringify({ ...answer.json(), requestId: '' }).replaceAll(
          at.split('/').at(-1) ?? '',
          'ID',
        );
      expect(told(one, url), method).toBe(told(other, missing));
      expect(one.statusCode).toBeGreaterThanOrEqual(404);
    }
    const moved = await nora('PATCH', `${api.path('order')}/${seen.data[0].id}`, {
      body: { region: 'south', version: 1 },
    });
    expect(moved.json()).toMatchObject({ status: 403, code: 'RLS_POLICY_DENIED' });
    const created = await nora('POST', api.path('order'), { body: { region: 'south' } });
    expect(created.json()).toMatchObject({ status: 403, code: 'RLS_POLICY_DENIED' });
  });
});

describe('the API’s login role', () => {
  const attributes: [name: string, make: string, words: string][] = [
    ['superuser', 'superuser', 'is SUPERUSER'],
    ['bypassing', 'bypassrls', 'has BYPASSRLS'],
    ['inheriting', 'inherit', 'has INHERIT'],
    ['creating', 'createrole', 'has CREATEROLE'],
  ];

  async function proving(name: string): Promise<Error | undefined> {
    const url = new URL(api.database.apiUrl);
    url.username = name;
    const pool: Pool = openPool({ connectionString: url.href, size: 1, application: 'test' });
    try {
      await proveApiRole(pool);
      return undefined;
    } catch (error) {
      return error as Error;
    } finally {
      await pool.close();
    }
  }

  it.each(attributes)('is refused when it is %s', async (kind, attribute, words) => {
    const name = `proof_${kind}_${process.pid}`;
    const superuser = await connect(api.database.superuserUrl);
    try {
      await superuser.query(`create role ${name} login noinherit`);
      expect(await proving(name)).toBeUndefined();
      await superuser.query(`alter role ${name} ${attribute}`);
      expect((await proving(name))?.message).toContain(`"${name}" ${words}`);
    } finally {
      await superuser.query(`drop role if exists ${name}`);
      await superuser.end();
    }
  });

  it('is refused when it owns a table, which is named', async () => {
    expect((await proving('velocity_operator'))?.message).toMatch(
      /"velocity_operator" owns the table \w+\.\w+/,
    );
  });

  it('is refused when it may become such a role', async () => {
    const name = `proof_member_${process.pid}`;
    const superuser = await connect(api.database.superuserUrl);
    try {
      await superuser.query(`create role ${name} login noinherit`);
      await superuser.query(`grant velocity_operator to ${name} with inherit false, set true`);
      expect((await proving(name))?.message).toContain(`"${name}" may become velocity_operator`);
    } finally {
      await superuser.query(`drop role if exists ${name}`);
      await superuser.end();
    }
  });

  it('passes as velocity_api', async () => {
    expect(await proving('velocity_api')).toBeUndefined();
  });
});
