import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuleReason } from '../../src/contract/explanation.ts';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Orders } from './explain/provide-orders.ts';
import { provideOrders } from './explain/provide-orders.ts';
import { callerOf } from './records/call.ts';

let api: TestApi;
let order: string;
let ids: Orders['ids'];
let callers: Orders['callers'];

beforeAll(async () => {
  api = await openTestApi();
  ({ order, ids, callers } = await provideOrders(api));
});

afterAll(() => api?.close());

describe('a denial', () => {
  const attempts = (id: string) =>
    [
      ['GET', `/api/${order}`, undefined],
      ['POST', `/api/${order}`, { region: 'north' }],
      ['DELETE', `/api/${order}/${id}`, undefined],
    ] as const;

  it('carries its explanation for the diagnostics role and for nobody else', async () => {
    for (const [method, url, body] of attempts(ids.north)) {
      const answers = await Promise.all(
        ['plumber', 'past', 'scoped'].map((by) =>
          callers[by]!(method, url, body === undefined ? {} : { body }),
        ),
      );
      const [plumber, past, scoped] = answers.map((answer) => answer.json());
      expect(plumber, url).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
      expect(plumber.details.explain, url).toMatchObject({ layer: 1, name: 'rbac' });
      const rules = plumber.details.explain.rules.map(({ rule }: RuleReason) => rule);
      expect(rules).toEqual(['role plumber', 'role member', 'access.roles']);
      expect(past.details, url).not.toHaveProperty('explain');
      expect(scoped.details, url).not.toHaveProperty('explain');
    }
  });

  it('names the rule of the field and of the row', async () => {
    const { namespace } = api.tenant;
    const scopes = [{ schema: 'order', attributes: { region: ['north'] } }];
    await api.provide(
      manifest('RoleBinding', 'pete-sells', namespace, {
        actorId: 'pete',
        roles: ['seller'],
        scopes,
      }),
    );
    const pete = callerOf(api, await api.keyFor('pete', ['plumber']));
    const price = await pete('POST', `/api/${order}`, { body: { region: 'north', price: '1' } });
    expect(price.json()).toMatchObject({
      code: 'FIELD_ACCESS_DENIED',
      details: { explain: { layer: 5, rules: [{ rule: 'field price' }] } },
    });
    const row = await pete('POST', `/api/${order}`, { body: { region: 'south' } });
    expect(row.json()).toMatchObject({
      code: 'RLS_POLICY_DENIED',
      details: { explain: { layer: 7, rules: [{ rule: 'row filter of seller' }] } },
    });
    const { id } = (await pete('POST', `/api/${order}`, { body: { region: 'north' } })).json().data;
    const include = await pete('GET', `/api/${order}/${id}?include=client`);
    expect(include.json()).toMatchObject({
      code: 'CROSS_SCHEMA_ACCESS_DENIED',
      details: { explain: { layer: 3, rules: [{ rule: 'reference client' }] } },
    });
    const deletion = await pete('DELETE', `/api/${order}/${id}`);
    expect(deletion.json()).toMatchObject({
      code: 'POLICY_DENIED',
      details: {
        explain: {
          ...{ layer: 2, name: 'policies' },
          rules: [{ rule: 'policy kept', place: { pointer: '/spec/access/policies/0' } }],
        },
      },
    });
    const nora = await callers['nora']!('POST', `/api/${order}`, { body: { region: 'south' } });
    expect(nora.json()).toMatchObject({ code: 'RLS_POLICY_DENIED' });
    expect(nora.json().details).not.toHaveProperty('explain');
  });
});
