import { createHash } from 'node:crypto';

export const namespaceOf = (organisation: string): string => `${organisation}-shop-sales`;

/** What a schema needs to be there: an organisation, an application, a domain, a strategy. */
export function baseManifests(organisation: string): object[] {
  const namespace = namespaceOf(organisation);
  return [
    manifest('Organisation', organisation, organisation, { displayName: 'Many' }),
    manifest('Application', 'shop', organisation, { org: organisation, displayName: 'Shop' }),
    manifest('Domain', 'sales', namespace, {
      app: 'shop',
      displayName: 'Sales',
      access: { defaultRole: 'reader', adminRole: 'sales-admin' },
    }),
    manifest('AuthStrategy', 'keys', namespace, { type: 'apikey', config: {} }),
  ];
}

const types = ['string', 'integer', 'decimal', 'boolean', 'date', 'datetime', 'uuid'] as const;

/** As large as schemas are: twelve fields, limits, two indexes, access by role. No two are alike. */
export function schemaManifest(organisation: string, name: string): object {
  const namespace = namespaceOf(organisation);
  const digest = createHash('sha256').update(name).digest();
  const further = types.map((type, n) => ({
    name: `field_${n}_${digest.readUInt16BE(n * 2) % 100}`,
    type,
    ...(n % 3 === 0 && { filterable: true }),
    ...(type === 'decimal' && { precision: 12, scale: 2 }),
  }));
  return manifest('SchemaDefinition', name, namespace, {
    version: 'v1',
    description: `Schema ${name}`,
    auth: { strategyRef: { name: 'keys', namespace } },
    access: {
      roles: [
        { role: 'clerk', operations: ['create', 'read', 'update', 'delete'] },
        { role: 'reader', operations: ['read'] },
      ],
    },
    fields: [
      {
        name: 'number',
        type: 'string',
        required: true,
        unique: true,
        maxLength: 20,
        pattern: '^[A-Z]{2}-[0-9]{1,10}$',
      },
      { name: 'title', type: 'string', required: true, maxLength: 200 },
      {
        name: 'status',
        type: 'enum',
        enumValues: ['open', 'paid', 'shipped', 'returned'],
        required: true,
        filterable: true,
      },
      { name: 'quantity', type: 'integer', min: 0, max: 100_000 },
      {
        name: 'notes',
        type: 'string',
        maxLength: 2_000,
        access: { read: ['clerk'], write: ['clerk'] },
      },
      ...further,
    ],
    indexes: [{ fields: [{ name: 'status' }, { name: 'quantity' }] }],
    search: { tier: 'Tier1' },
  });
}

function manifest(kind: string, name: string, namespace: string, spec: object): object {
  return { apiVersion: 'velocity.sh/v1', kind, metadata: { name, namespace }, spec };
}
