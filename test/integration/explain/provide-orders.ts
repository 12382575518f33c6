import { expect } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import type { Caller } from '../records/call.ts';
import { callerOf } from '../records/call.ts';

export interface Orders {
  /** Path of the schema. */
  readonly order: string;
  readonly callers: Readonly<Record<string, Caller>>;
  /** Of a record in the north, and of one in the south. */
  readonly ids: Readonly<Record<'north' | 'south', string>>;
}

const inRegion = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };

/** Orders that sellers see by region, and callers of every kind. */
export async function provideOrders(api: TestApi): Promise<Orders> {
  const callers: Record<string, Caller> = {};
  const { organisation, namespace, reference } = api.tenant;
  const access = { defaultRole: 'member', adminRole: 'sales-admin', diagnosticsRole: 'plumber' };
  const region = (name: string) => [{ schema: 'order', attributes: { region: [name] } }];
  const bind = (name: string, spec: object) => manifest('RoleBinding', name, namespace, spec);
  await api.provide(
    manifest('Domain', 'sales', namespace, { app: 'shop', displayName: 'Sales', access }),
    api.tenant.schema('client', {
      fields: [{ name: 'title', type: 'string' }],
      spec: { access: { roles: [{ role: 'auditor', operations: ['read'] }] } },
    }),
    api.tenant.schema('order', {
      fields: [
        { name: 'region', type: 'string', filterable: true },
        { name: 'amount', type: 'integer' },
        { name: 'price', type: 'decimal', access: { write: ['manager'] } },
        { name: 'margin', type: 'decimal', access: { read: ['manager'] } },
        { name: 'client', type: 'ref', ref: reference('client') },
        { name: 'phone', type: 'string', mask: { strategy: 'hash', unmaskedFor: ['auditor'] } },
      ],
      spec: {
        access: {
          roles: [
            { role: 'seller', operations: ['create', 'read', 'update', 'delete', 'history'] },
            { role: 'auditor', operations: ['read'] },
            { role: 'member', operations: ['search'] },
          ],
          rowFilter: [{ role: 'seller', filter: inRegion }],
          policies: [{ name: 'kept', action: 'delete', condition: 'actor.type == "service"' }],
        },
      },
    }),
    bind('nora', { actorId: 'nora', roles: ['seller'], scopes: region('north') }),
    bind('luke', { actorId: 'luke', roles: ['seller'] }),
    bind('past', { actorId: 'past', roles: ['seller'], expiresAt: '2020-01-01T00:00:00Z' }),
  );
  const order = `${organisation}/shop/sales/order/v1`;
  const keys: [name: string, actor: string, roles: string[], more?: object][] = [
    ['nora', 'nora', []],
    ['luke', 'luke', []],
    ['past', 'past', []],
    ['auditor', 'auditor', ['auditor']],
    ['plumber', 'plumber', ['plumber']],
    ['boss', 'boss', ['sales-admin']],
    ['scoped', 'boss', [], { name: 'scoped', scopes: [{ schema: 'client' }] }],
  ];
  for (const [name, actor, roles, more] of keys) {
    callers[name] = callerOf(api, await api.keyFor(actor, roles, more));
  }
  callers['admin'] = callerOf(api, api.adminKey);
  const made = ['north', 'south', 'south'].map(async (name) => {
    const body = { region: name, amount: 1, price: '2.5', margin: '0.5' };
    const answer = await callers['admin']!('POST', `/api/${order}`, { body });
    expect(answer.statusCode, answer.body).toBe(201);
    return answer.json().data.id as string;
  });
  const [north = '', south = ''] = await Promise.all(made);
  return { order, callers, ids: { north, south } };
}
