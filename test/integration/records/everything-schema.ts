import type { TestTenant } from '../../support/manifests.ts';

/** Schemas over every field type there is; `writer` may do everything. */
export function everythingSchemas(tenant: TestTenant): object[] {
  const spec = { access: { roles: [{ role: 'writer', operations: ['*'] }] } };
  return [
    tenant.schema('maker', {
      fields: [
        { name: 'code', type: 'string', unique: true, required: true, filterable: true },
        { name: 'name', type: 'string' },
      ],
      spec,
    }),
    tenant.schema('thing', {
      fields: [
        { name: 'code', type: 'string', unique: true, filterable: true, sortable: true },
        { name: 'title', type: 'string', maxLength: 40, pattern: '^[^!]*$', default: 'untitled' },
        { name: 'quantity', type: 'integer', filterable: true, sortable: true },
        { name: 'ratio', type: 'number', filterable: true },
        { name: 'amount', type: 'decimal', precision: 20, scale: 4, min: -5, filterable: true },
        { name: 'approved', type: 'boolean', filterable: true, default: false },
        { name: 'due', type: 'date', filterable: true, sortable: true },
        { name: 'seen_at', type: 'datetime', filterable: true, sortable: true },
        { name: 'token', type: 'uuid', filterable: true },
        { name: 'attributes', type: 'json' },
        {
          name: 'status',
          type: 'enum',
          enumValues: ['open', "clo'sed"],
          filterable: true,
          required: true,
          default: 'open',
        },
        { name: 'maker', type: 'ref', ref: tenant.reference('maker'), filterable: true },
        { name: 'brand', type: 'ref', ref: tenant.reference('maker', { key: 'code' }) },
        { name: 'position', type: 'geopoint', filterable: true },
        { name: 'tags', type: 'string[]', filterable: true },
        { name: 'counts', type: 'integer[]', filterable: true },
        { name: 'serial', type: 'string', immutable: true },
      ],
      spec,
    }),
  ];
}

/** A value of each type that a careless implementation would round, shift or reorder. */
export function exactThing(makerId: string, makerCode: string): Record<string, unknown> {
  return {
    code: 'line\nfeed, "quote" \u{1f600}',
    title: "Robert'); drop table thing_v1; --",
    quantity: '9007199254740993',
    ratio: 0.1,
    amount: '9999999999999999.9999',
    approved: true,
    due: '2024-02-29',
    seen_at: '2026-11-21T01:40:27.123456+02:00',
    token: '018f0000-0000-7000-8000-00000000000a',
    attributes: { deep: [1, { a: null }], text: 'x' },
    status: "clo'sed",
    maker: makerId,
    brand: makerCode,
    position: { lat: 52.5, lon: 13.4 },
    tags: ['a', 'b,c', '{"}', ''],
    counts: [1, '9007199254740993', -5],
    serial: 's-1',
  };
}
