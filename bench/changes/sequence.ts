/** A field as a manifest has it, without its name. */
export type FieldSpec = Readonly<Record<string, unknown>>;

/** One change of the schema that serves; what it leaves out stays as it is. */
export interface Change {
  readonly name: string;
  /** Undefined takes the field away. */
  readonly fields?: Readonly<Record<string, FieldSpec | undefined>>;
  /** Members of the spec beside its fields; undefined takes one away. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** What each seed says of these fields afterwards: SQL over its number, `n`. */
  readonly seeds?: Readonly<Record<string, string | undefined>>;
  /** Fields that have another name now: new name to old one; to undo is to rename again. */
  readonly renamed?: Readonly<Record<string, string>>;
}

export const writer = 'writer';
const roles = [{ role: writer, operations: ['*'] }];
const makers = 100;

/** The table that records refer to, and how many it has. */
export const maker = {
  name: 'maker',
  fields: [{ name: 'code', type: 'string', unique: true }],
  count: makers,
};

/**
 * The schema before the first change. The traffic uses title, status and quantity, and each change
 * leaves them usable as they were used: whatever is refused, is refused because of the change.
 */
export const beginning = {
  fields: {
    title: { type: 'string', required: true, filterable: true },
    status: { type: 'enum', enumValues: ['open', 'closed'], required: true, filterable: true },
    quantity: { type: 'integer', min: 0, max: 10_000_000 },
    size: { type: 'string', filterable: true },
    due: { type: 'date' },
    note: { type: 'string', maxLength: 20 },
    sku: { type: 'string' },
    origin: { type: 'string' },
    legacy: { type: 'string' },
  },
  spec: {
    access: { roles },
    search: { tier: 'Tier1' },
    // A process loads the parser of expressions with its first one, once: that is no change's doing.
    validations: [{ type: 'cel', rule: "self.title != ''", message: 'empty' }],
  },
  seeds: {
    quantity: 'n',
    size: 'n::text',
    due: "date '2020-01-01' + (n % 3000)::integer",
    note: "case when n % 3 <> 0 then 'note ' || n end",
    sku: "'sku-' || n",
    origin: `'maker-' || n % ${makers}`,
    legacy: "'old ' || n % 7",
  },
} as const satisfies {
  fields: Record<string, FieldSpec>;
  spec: object;
  seeds: Record<string, string>;
};

type Reference = (over: object) => object;

/** Some twenty changes, each of which begins where the last one ended. `refer` leads to the makers. */
export function changeSequence(refer: Reference): readonly Change[] {
  const limited = { role: 'auditor', operations: ['read'] };
  return [
    {
      name: 'add an optional field',
      fields: { colour: { type: 'string' } },
      seeds: { colour: 'null' },
    },
    {
      name: 'add a required field with a default, indexed',
      fields: {
        priority: { type: 'integer', required: true, default: 3, min: 1, max: 5, sortable: true },
      },
      seeds: { priority: '3' },
    },
    {
      name: 'rename a field with its index',
      fields: { size: undefined, length: { ...beginning.fields.size, renamedFrom: 'size' } },
      seeds: { size: undefined, length: 'n::text' },
      renamed: { length: 'size' },
    },
    { name: 'widen a text', fields: { note: { type: 'string', maxLength: 200 } } },
    {
      name: 'widen an integer to a decimal',
      fields: { quantity: { type: 'decimal', precision: 30, scale: 2, min: 0 } },
      seeds: { quantity: 'n::numeric' },
    },
    { name: 'keep a field unique', fields: { sku: { type: 'string', unique: true } } },
    {
      name: 'require a field, filling in its default',
      fields: { note: { type: 'string', maxLength: 200, required: true, default: 'none' } },
      seeds: { note: "coalesce(case when n % 3 <> 0 then 'note ' || n end, 'none')" },
    },
    {
      name: 'add a value to an enum',
      fields: {
        status: { ...beginning.fields.status, enumValues: ['open', 'closed', 'held', 'lost'] },
      },
    },
    {
      name: 'take a value out of an enum',
      fields: { status: { ...beginning.fields.status, enumValues: ['open', 'closed', 'held'] } },
    },
    {
      name: 'narrow a string to an integer',
      fields: { length: { type: 'integer', filterable: true, min: 0 } },
      seeds: { length: 'n' },
    },
    {
      name: 'make a date a datetime, sortable',
      fields: { due: { type: 'datetime', sortable: true } },
      seeds: { due: "(date '2020-01-01' + (n % 3000)::integer)::timestamp at time zone 'UTC'" },
    },
    {
      name: 'make a field a reference',
      fields: { origin: { type: 'ref', ref: refer({ key: 'code', onDelete: 'restrict' }) } },
    },
    {
      name: 'do otherwise on the delete of a target',
      fields: { origin: { type: 'ref', ref: refer({ key: 'code', onDelete: 'setNull' }) } },
    },
    {
      name: 'index two fields of some records',
      spec: {
        indexes: [
          {
            fields: [{ name: 'status' }, { name: 'priority', direction: 'desc' }],
            where: 'self.quantity > 100.0',
          },
        ],
      },
    },
    {
      name: 'search in another tier and language',
      fields: {
        title: { ...beginning.fields.title, searchable: true, language: 'german', ftsWeight: 'A' },
      },
      spec: { search: { tier: 'Tier2' } },
    },
    {
      name: 'filter rows and guard a field',
      fields: {
        legacy: { type: 'string', access: { read: [writer], write: [writer] } },
      },
      spec: {
        access: {
          roles: [...roles, limited],
          rowFilter: [{ role: 'auditor', filter: { field: 'status', op: 'eq', value: 'open' } }],
        },
      },
    },
    {
      name: 'make a field immutable',
      fields: { sku: { type: 'string', unique: true, immutable: true } },
    },
    { name: 'no longer require a field', fields: { note: { type: 'string', maxLength: 200 } } },
    { name: 'let a field be shared again', fields: { sku: { type: 'string', immutable: true } } },
    {
      name: 'drop a field',
      fields: { legacy: undefined },
      seeds: { legacy: undefined },
    },
    {
      name: 'add a field with a computed value',
      fields: { label: { type: 'string', backfill: '"n" + string(self.priority)' } },
      seeds: { label: "'n3'" },
    },
    {
      name: 'refuse records by a rule',
      spec: {
        validations: [
          ...beginning.spec.validations,
          { type: 'cel', rule: 'self.priority >= 1', message: 'too low' },
        ],
      },
    },
    {
      // By a field that the traffic changes, so that records move while they are copied.
      name: 'partition the table',
      spec: {
        partitioning: { enabled: true, field: 'status', strategy: 'list', interval: 'monthly' },
      },
    },
  ];
}
