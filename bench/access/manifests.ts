import { manifests, namespace } from '../fixture/manifests.ts';
import { regions } from '../fixture/order.ts';

/** The orders of the bench once more, with everything that can stand between a caller and a record. */
export const guardedObject = 'guarded-order';
export const guardedPath = `/api/bench/shop/sales/${guardedObject}/v1`;
export const guardedTable = 'bench_shop_sales.guarded_order_v1';

const strategy = 'tokens';
export const audience = 'velocity-bench';

/** What the token of the bench says, mapped by the strategy. */
export const claims = {
  sub: 'token-clerk',
  roles: ['clerk'],
  region: [...regions],
} as const;

/** Two conditions on every read: one over who asks, one over the record and who asks. */
export const policies = [
  {
    name: 'staff-only',
    action: 'read',
    condition: '"clerk" in actor.roles || "auditor" in actor.roles',
    message: 'Orders are for the staff.',
  },
  {
    name: 'returned-orders-are-small',
    action: 'read',
    condition: 'self.status != "returned" || self.quantity <= 1000 || "auditor" in actor.roles',
    message: 'A large order that came back is the auditor’s to see.',
  },
] as const;

export function guardedManifests(issuer: string, jwksUrl: string): readonly object[] {
  const plain = manifests.find((one) => (one as { kind: string }).kind === 'SchemaDefinition') as {
    readonly apiVersion: string;
    readonly spec: { readonly fields: readonly { readonly name: string }[] };
  };
  const { apiVersion, spec } = plain;
  const rules: Readonly<Record<string, object>> = {
    customer: { mask: { strategy: 'partial', keepLast: 4, unmaskedFor: ['auditor'] } },
    amount: { access: { read: ['clerk', 'auditor'], write: ['auditor'] } },
    notes: { access: { read: ['clerk'] } },
    carrier: { access: { read: ['auditor'] } },
  };
  return [
    {
      apiVersion,
      kind: 'AuthStrategy',
      metadata: { name: strategy, namespace },
      spec: {
        type: 'jwt',
        config: {
          issuers: [
            {
              ...{ issuer, audience, jwksUrl },
              claims: { actorId: 'sub', roles: 'roles', attributes: { region: 'region' } },
            },
          ],
        },
      },
    },
    {
      apiVersion,
      kind: 'SchemaDefinition',
      metadata: { name: guardedObject, namespace },
      spec: {
        ...spec,
        auth: { strategyRef: { name: strategy, namespace } },
        access: {
          roles: [
            { role: 'clerk', operations: ['read'] },
            { role: 'auditor', operations: ['read'] },
          ],
          policies,
          rowFilter: [
            {
              role: 'clerk',
              filter: { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' },
            },
          ],
        },
        fields: spec.fields.map((field) => ({ ...field, ...rules[field.name] })),
      },
    },
  ];
}
