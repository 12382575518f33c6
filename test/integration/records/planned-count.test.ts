import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { callerOf } from './call.ts';
import { connect } from './trail.ts';

let api: TestApi;
const rows = 900;

beforeAll(async () => {
  api = await openTestApi();
  const fields = [
    { name: 'region', type: 'string', filterable: true },
    { name: 'parity', type: 'string', filterable: true },
  ];
  const roles = [{ role: 'clerk', operations: ['read'] }];
  const rowFilter = [
    {
      role: 'clerk',
      filter: { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' },
    },
  ];
  await api.provide(
    api.tenant.schema('open', { fields, spec: { access: { roles } } }),
    api.tenant.schema('filtered', { fields, spec: { access: { roles, rowFilter } } }),
    manifest('RoleBinding', 'lee', api.tenant.namespace, {
      actorId: 'lee',
      roles: ['clerk'],
      scopes: [{ schema: '*', attributes: { region: 'r0' } }],
    }),
  );
  const send = callerOf(api, api.adminKey);
  const body = Array.from({ length: rows }, (_, n) => ({
    op: 'create',
    record: { region: `r${n % 3}`, parity: n % 2 === 0 ? 'even' : 'odd' },
  }));
  for (const object of ['open', 'filtered']) {
    const answer = await send('POST', `${api.path(object)}/bulk`, { body });
    expect(answer.statusCode, answer.body).toBe(200);
  }
  const superuser = await connect(api.database.superuserUrl);
  await superuser.query('analyze');
  await superuser.end();
});

afterAll(() => api?.close());

it('a planned count is near the exact one, whatever the row filters', async () => {
  const admin = callerOf(api, api.adminKey);
  const clerk = callerOf(api, await api.keyFor('lee', []));
  for (const [caller, object, query] of [
    [admin, 'open', ''],
    [admin, 'open', '&filter[parity]=even'],
    [clerk, 'open', ''],
    [admin, 'filtered', ''],
    [clerk, 'filtered', ''],
  ] as const) {
    const total = async (count: string): Promise<number> => {
      const answer = await caller('GET', `${api.path(object)}?limit=1&count=${count}${query}`);
      expect(answer.statusCode, answer.body).toBe(200);
      return answer.json().pagination.total;
    };
    const [planned, exact] = [await total('planned'), await total('exact')];
    expect(planned / exact, `${object}${query}`).toBeGreaterThan(0.8);
    expect(planned / exact, `${object}${query}`).toBeLessThan(1.25);
  }
});
