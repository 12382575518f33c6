import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import { dumpCatalogue } from '../../src/store/catalogue-dump.ts';
import { createListenTo } from '../../src/store/listen.ts';
import { openPool } from '../../src/store/pool.ts';
import { testTenant } from './manifests.ts';
import { provision } from './provision.ts';

/** Always of this name, so that the dump is the same from run to run. */
const tenant = testTenant('catalogue');

/** Two schemas with something of everything that leaves a trace in the catalogue. */
function sampleSchemas(): object[] {
  const roles = [{ role: 'seller', operations: ['*'] }];
  const region = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
  return [
    tenant.schema('customer', {
      fields: [
        { name: 'code', type: 'string', unique: true, required: true, maxLength: 20 },
        { name: 'region', type: 'string', filterable: true },
        { name: 'position', type: 'geopoint', filterable: true },
        { name: 'tags', type: 'string[]', filterable: true },
      ],
      spec: { access: { roles, rowFilter: [{ role: 'seller', filter: region }] } },
    }),
    tenant.schema('order', {
      fields: [
        {
          name: 'customer',
          type: 'ref',
          ref: tenant.reference('customer', { onDelete: 'cascade' }),
        },
        { name: 'status', type: 'enum', enumValues: ['open', 'closed'], default: 'open' },
        { name: 'amount', type: 'decimal', precision: 12, scale: 2, min: 0, sortable: true },
        { name: 'due', type: 'date', filterable: true },
      ],
      spec: {
        access: { roles },
        indexes: [{ fields: [{ name: 'status' }, { name: 'due', direction: 'desc' }] }],
      },
    }),
  ];
}

/** Provisions the sample in a migrated database and answers the whole catalogue of ours as text. */
export async function dumpSampleCatalogue(operatorUrl: string): Promise<string> {
  const pool = openPool({ connectionString: operatorUrl, application: 'catalogue' });
  try {
    const store = openPostgresStore({ pool, connectionString: operatorUrl });
    const listenTo = createListenTo(operatorUrl);
    const activities = { store, pool, listenTo, now: () => new Date(), random: Math.random };
    const applied = await store.apply([...tenant.base, ...sampleSchemas()]);
    for (const { resource } of applied) await provision(activities, resource);
    return await dumpCatalogue(pool);
  } finally {
    await pool.close();
  }
}
