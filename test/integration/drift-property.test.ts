import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareSchemas } from '../../src/activities/drift/compare-schemas.ts';
import { findCompared } from '../../src/activities/sql/drift.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { schemaPairs } from './schema/random-schemas.ts';

let api: TestApi;
let made = 0;
const runs = Number(process.env['VELOCITY_TEST_RUNS'] ?? 8);

beforeAll(async () => {
  api = await openTestApi();
});

afterAll(async () => {
  await api?.close();
});

async function driftOf(name: string) {
  const revisions = await findCompared(api.operator, { namespace: api.tenant.namespace, name });
  const compared = await compareSchemas(api.operator, revisions);
  expect(compared, 'nothing was compared').toHaveLength(1);
  return compared[0]?.items;
}

const anchor = { name: 'anchor', type: 'integer' };
const extras = fc.record({
  rowFilter: fc.boolean(),
  composite: fc.boolean(),
  audited: fc.boolean(),
  refers: fc.boolean(),
  partitioning: fc.option(
    fc.constantFrom(
      { enabled: true, field: 'day', strategy: 'range', interval: 'monthly' },
      { enabled: true, field: 'kind', strategy: 'list', interval: 'monthly' },
      { enabled: true, field: 'id', strategy: 'hash', interval: 'monthly' },
    ),
    { nil: undefined, freq: 1 },
  ),
});

describe('any schema, fresh or migrated', () => {
  it('shows no drift at all', async () => {
    const code = { name: 'code', type: 'string', unique: true };
    await api.provide(api.tenant.schema('target', { fields: [code] }));
    const refer = (over: object) => api.tenant.reference('target', over);
    await fc.assert(
      fc.asyncProperty(schemaPairs(refer), extras, extras, async (fates, was, is) => {
        const name = `one-${++made}`;
        const manifest = (fields: object[], more: typeof was) =>
          api.tenant.schema(name, {
            fields: [
              anchor,
              { name: 'day', type: 'date', required: true, immutable: true },
              {
                name: 'kind',
                type: 'enum',
                enumValues: ['a', 'b'],
                required: true,
                immutable: true,
              },
              // A partitioned table keeps nothing unique across its partitions.
              ...fields.map((field) =>
                [was, is].every(({ partitioning }) => partitioning === undefined)
                  ? field
                  : { ...field, unique: false },
              ),
              ...(more.refers
                ? [
                    { name: 'target', type: 'ref', ref: api.tenant.reference('target') },
                    ...(more.partitioning === undefined
                      ? [{ name: 'parent', type: 'ref', ref: api.tenant.reference(name) }]
                      : []),
                  ]
                : []),
            ],
            spec: {
              ...(more.partitioning !== undefined && { partitioning: more.partitioning }),
              audit: { enabled: more.audited },
              ...(more.composite && {
                indexes: [{ fields: [{ name: 'anchor', direction: 'desc' }, { name: 'id' }] }],
              }),
              access: {
                roles: [{ role: 'reader', operations: ['read'] }],
                ...(more.rowFilter && {
                  rowFilter: [
                    { role: 'reader', filter: { field: 'anchor', op: 'gt', value: 3 } },
                    {
                      role: 'reader',
                      filter: { field: 'anchor', op: 'eq', value: '{{identity.attributes.a}}' },
                    },
                  ],
                }),
              },
            },
          });
        const before = fates.flatMap((fate) => (fate.before === undefined ? [] : [fate.before]));
        const after = fates.flatMap((fate) => (fate.after === undefined ? [] : [fate.after]));
        await api.provide(manifest(before, was));
        expect(await driftOf(name)).toEqual([]);
        await api.provide(manifest(after, is));
        const key = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name } as const;
        const { status } = (await api.deps.resources.find(key)) ?? {};
        expect(status, JSON.stringify(status?.conditions)).toMatchObject({ phase: 'Ready' });
        expect(await driftOf(name)).toEqual([]);
        expect(await driftOf('target')).toEqual([]);
      }),
      { numRuns: runs },
    );
  }, 120_000);
});
