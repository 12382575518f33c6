import type { Field, SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import type { Condition } from '../../../src/query/condition.ts';
import { noMasks } from '../../../src/query/mask.ts';
import type { ReadAccess } from '../../../src/query/read-access.ts';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import { compileSchema } from '../../../src/schema/compile.ts';

/** One field of each type, filterable and, where the type has an order, sortable. */
export const everyType: readonly Field[] = [
  { name: 'code', type: 'string', required: true, unique: true, sortable: true },
  { name: 'title', type: 'string', filterable: true, sortable: true },
  { name: 'quantity', type: 'integer', filterable: true, sortable: true },
  { name: 'ratio', type: 'number', filterable: true, sortable: true },
  { name: 'amount', type: 'decimal', precision: 20, scale: 4, filterable: true, sortable: true },
  { name: 'approved', type: 'boolean', filterable: true, sortable: true },
  { name: 'due', type: 'date', filterable: true, sortable: true },
  { name: 'seen_at', type: 'datetime', filterable: true, sortable: true },
  { name: 'token', type: 'uuid', filterable: true, sortable: true },
  { name: 'attributes', type: 'json', filterable: true },
  {
    name: 'status',
    type: 'enum',
    enumValues: ['open', 'held', 'done'],
    filterable: true,
    sortable: true,
  },
  { name: 'position', type: 'geopoint', filterable: true },
  { name: 'tags', type: 'string[]', filterable: true },
  { name: 'counts', type: 'integer[]', filterable: true },
  { name: 'parent', type: 'ref', filterable: true, ref: referenceTo('thing') },
  {
    name: 'maker',
    type: 'ref',
    filterable: true,
    sortable: true,
    ref: referenceTo('maker', 'name'),
  },
  { name: 'notes', type: 'string' },
  {
    name: 'rank',
    type: 'integer',
    required: true,
    filterable: true,
    sortable: true,
    min: 0,
    max: 9,
  },
  // Names that the statements use themselves.
  { name: 'r', type: 'string' },
  { name: 't', type: 'string' },
  { name: 'p', type: 'string' },
  { name: 'data', type: 'string' },
  { name: 'key_0', type: 'string' },
];

export const makerFields: readonly Field[] = [
  { name: 'name', type: 'string', required: true, unique: true },
  { name: 'secret', type: 'string' },
  { name: 'region', type: 'string', filterable: true },
  { name: 'home', type: 'ref', ref: referenceTo('maker') },
];

export const pgNamespace = 'acme_shop_stock';

export function referenceTo(object: string, key?: string): NonNullable<Field['ref']> {
  const ref = { org: 'acme', app: 'shop', domain: 'stock', object, version: 'v1' };
  return key === undefined ? ref : { ...ref, key };
}

export function schemaOf(
  name: string,
  fields: readonly Field[],
  spec: Partial<SchemaDefinitionSpec> = {},
): CompiledSchema {
  return compileSchema(
    {
      organisation: 'acme',
      application: 'shop',
      domain: 'stock',
      namespace: 'acme-shop-stock',
      name,
      revision: 1,
      spec: { ...specOf(fields), ...spec },
      pgNamespace,
      pgTable: `${name}_v1`,
      pgRole: 'velocity_acme_shop_stock',
      access: { defaultRole: 'reader', adminRole: 'admin' },
    },
    (path) => (path === 'acme/shop/stock/maker/v1' ? specOf(makerFields) : undefined),
  );
}

function specOf(fields: readonly Field[]): SchemaDefinitionSpec {
  return {
    version: 'v1',
    auth: { strategyRef: { name: 'keys', namespace: 'acme-shop-stock' } },
    access: {},
    fields: [...fields],
  } as SchemaDefinitionSpec;
}

export const thing = schemaOf('thing', everyType);
export const maker = schemaOf('maker', makerFields);

export function accessAll(schema: CompiledSchema, rowFilter?: Condition): ReadAccess {
  return { readable: new Set(schema.fields.keys()), masks: noMasks, rowFilter };
}

export function accessWithout(schema: CompiledSchema, ...hidden: string[]): ReadAccess {
  const readable = new Set(schema.fields.keys());
  for (const name of hidden) readable.delete(name);
  return { readable, masks: noMasks, rowFilter: undefined };
}

export function accessMasking(schema: CompiledSchema, ...masked: string[]): ReadAccess {
  const masks = new Map(masked.map((name) => [name, { strategy: 'redact' } as const]));
  return { ...accessAll(schema), masks };
}

/** Both schemas of the fixture, readable whole. */
export const openSchemas = {
  findSchema: ({ object }: { object: string }): CompiledSchema | undefined =>
    object === 'thing' ? thing : object === 'maker' ? maker : undefined,
  accessTo: (schema: CompiledSchema): ReadAccess => accessAll(schema),
};

export const cursorSecret = 'a secret of the test';
