import { expect } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';

/** Loans are seen by region, changed while they are open, and ended by whoever made them. */
export interface Loans {
  readonly api: TestApi;
  readonly path: string;
  readonly admin: Caller;
  /** A clerk of the north. */
  readonly nora: Caller;
  readonly boss: Caller;
  /** A service with the role of a boss. */
  readonly robot: Caller;
  readonly lend: (by: Caller, over?: object) => Promise<{ id: string; code: string }>;
}

export const roles = ['clerk', 'boss'].map((role) => ({ role, operations: ['*'] }));
export const messages = {
  region: 'Loans are seen in their own region.',
  small: 'A clerk lends 100 at most.',
  open: 'A closed loan stays as it is.',
  doubled: 'A loan grows to twice its amount at most.',
  noted: 'Notes are for the boss.',
  own: 'Whoever made a loan may end it.',
};
const policies = [
  {
    name: 'own-region',
    action: 'read',
    condition: 'self.region == actor.attributes.region || "boss" in actor.roles',
    message: messages.region,
  },
  {
    name: 'small',
    action: 'create',
    condition: 'self.amount <= 100 || "boss" in actor.roles',
    message: messages.small,
  },
  {
    name: 'open',
    action: 'update',
    condition: 'old.status == "open" || "boss" in actor.roles',
    message: messages.open,
  },
  {
    name: 'doubled',
    action: 'update',
    condition: 'self.amount <= old.amount * 2',
    message: messages.doubled,
  },
  {
    name: 'noted',
    action: 'update',
    fields: ['notes'],
    condition: '"boss" in actor.roles',
    message: messages.noted,
  },
  {
    name: 'own',
    action: 'delete',
    condition: 'self.created_by == actor.id && old.status == "open"',
    message: messages.own,
  },
];

export async function openLoans(): Promise<Loans> {
  const api = await openTestApi();
  await api.provide(
    api.tenant.schema('loan', {
      fields: [
        { name: 'code', type: 'string', required: true, unique: true },
        { name: 'region', type: 'string', required: true, filterable: true, sortable: true },
        { name: 'status', type: 'enum', enumValues: ['open', 'closed'], default: 'open' },
        { name: 'amount', type: 'integer', required: true, filterable: true },
        { name: 'notes', type: 'string' },
      ],
      spec: { access: { roles, policies } },
    }),
    api.tenant.schema('payment', {
      fields: [
        { name: 'loan', type: 'ref', ref: api.tenant.reference('loan', { onDelete: 'setNull' }) },
        { name: 'sum', type: 'integer' },
      ],
      spec: { access: { roles } },
    }),
    api.tenant.schema('memo', {
      fields: [
        { name: 'title', type: 'string', filterable: true },
        { name: 'pay', type: 'integer', filterable: true },
      ],
      spec: {
        access: {
          roles,
          policies: [
            {
              name: 'people',
              action: 'read',
              condition: 'actor.type == "user"',
              message: 'Memos are for people.',
            },
            {
              name: 'pay',
              action: 'read',
              fields: ['pay'],
              condition: '"boss" in actor.roles && request.operation == "read"',
            },
            { name: 'hands', action: '*', condition: 'request.method != "PUT"' },
          ],
        },
      },
    }),
    manifest('RoleBinding', 'nora', api.tenant.namespace, {
      actorId: 'nora',
      roles: ['clerk'],
      scopes: ['loan', 'payment', 'memo'].map((schema) => ({
        schema,
        attributes: { region: 'north' },
      })),
    }),
  );
  const path = api.path('loan');
  let made = 0;
  return {
    ...{ api, path },
    admin: callerOf(api, api.adminKey),
    nora: callerOf(api, await api.keyFor('nora', [])),
    boss: callerOf(api, await api.keyFor('bert', ['boss'])),
    robot: callerOf(api, await api.keyFor('robot', ['boss'], { actorType: 'service' })),
    lend: async (by, over = {}) => {
      const code = `L-${++made}`;
      const body = { code, region: 'north', amount: 10, ...over };
      const answer = await by('POST', path, { body });
      expect(answer.statusCode, answer.body).toBe(201);
      return answer.json().data;
    },
  };
}

export function expectDenied(
  answer: Awaited<ReturnType<Caller>>,
  name: string,
  message: string,
): void {
  expect(answer.json(), answer.body).toMatchObject({
    status: 403,
    code: 'POLICY_DENIED',
    detail: message,
    details: { policy: name, layer: 'abac' },
  });
}
