import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Explanation, LayerVerdict } from '../../src/contract/explanation.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Orders } from './explain/provide-orders.ts';
import { provideOrders } from './explain/provide-orders.ts';

let api: TestApi;
let order: string;
let callers: Orders['callers'];
const nowhere = '01990000-0000-7000-8000-000000000001';

beforeAll(async () => {
  api = await openTestApi();
  ({ order, callers } = await provideOrders(api));
});

afterAll(() => api?.close());

async function ask(by: string, question: object): Promise<Explanation> {
  const body = { schema: order, ...question };
  const answer = await callers[by]!('POST', '/api/platform/explain', { body });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().data;
}

function layerOf({ layers }: Explanation, name: LayerVerdict['name']): LayerVerdict {
  const found = layers.find((layer) => layer.name === name);
  if (found === undefined) throw new Error(`no layer ${name}`);
  return found;
}

describe('layer 2', () => {
  it('names the policy, and what it compared as far as the asker sees it', async () => {
    const { tenant } = api;
    await api.provide(
      tenant.schema('deal', {
        fields: [{ name: 'amount', type: 'integer' }],
        spec: {
          access: {
            roles: [{ role: 'seller', operations: ['create', 'read', 'update'] }],
            policies: [
              {
                ...{ name: 'small', action: 'create', message: 'Large deals are for managers.' },
                condition: 'self.amount < 100 || "manager" in actor.roles',
              },
              { name: 'open', action: 'read', condition: 'self.amount != 7' },
              { name: 'never', action: 'update', condition: 'actor.type == "service"' },
            ],
          },
        },
      }),
    );
    const schema = order.replace('/order/', '/deal/');
    const create = { schema, operation: 'create', record: { amount: 500 } };
    const large = await ask('luke', create);
    expect(large).toMatchObject({ allowed: false, status: 403, code: 'POLICY_DENIED' });
    expect(layerOf(large, 'policies')).toMatchObject({
      verdict: 'deny',
      rules: [
        {
          ...{ rule: 'policy small', effect: 'deny', message: 'Large deals are for managers.' },
          place: { kind: 'SchemaDefinition', name: 'deal', pointer: '/spec/access/policies/0' },
          values: { 'self.amount': 500, 'actor.roles': ['seller', 'member'] },
        },
      ],
    });
    expect(await ask('luke', { ...create, record: { amount: 5 } })).toMatchObject({
      allowed: true,
    });
    const [seven] = await Promise.all(
      [7, 8].map(async (amount) => {
        const made = await callers['admin']!('POST', `/api/${schema}`, { body: { amount } });
        return made.json().data.id as string;
      }),
    );
    const read = await ask('luke', { schema, operation: 'read', id: seven });
    expect(read).toMatchObject({ allowed: false, code: 'POLICY_DENIED' });
    // Who cannot see the value is not told it, be it one's own denial.
    expect(layerOf(read, 'policies').rules[0]?.values).toBeUndefined();
    const asked = await ask('admin', { schema, operation: 'read', id: seven, actor: 'luke' });
    expect(layerOf(asked, 'policies').rules).toMatchObject([
      { rule: 'policy open', effect: 'deny', values: { 'self.amount': 7 } },
    ]);
    expect((await ask('luke', { schema, operation: 'read' })).rows).toMatchObject({
      visible: { count: 1 },
      hiddenByRls: null,
    });
    const standing = await ask('luke', { schema, operation: 'update', id: nowhere });
    expect(standing).toMatchObject({ code: 'POLICY_DENIED' });
    const denied = await callers['luke']!('PATCH', `/api/${schema}/${nowhere}`, {
      body: { amount: 1, version: 1 },
    });
    expect(denied.json()).toMatchObject({ code: 'POLICY_DENIED', details: { policy: 'never' } });
  });
});
