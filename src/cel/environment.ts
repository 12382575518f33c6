import type { Field } from '../contract/kinds.ts';
import type { CelType } from './cel-type.ts';

export interface CelField {
  readonly type: CelType;
  readonly nullable: boolean;
  /** The type of its column, as Postgres calls it without its precision. */
  readonly stored: string;
}

/** What an expression may name: records such as `self`, and their fields. */
export type CelEnvironment = ReadonlyMap<string, ReadonlyMap<string, CelField>>;

const types: Readonly<Record<string, CelType>> = {
  text: 'string',
  uuid: 'string',
  bigint: 'int',
  'double precision': 'double',
  numeric: 'decimal',
  boolean: 'bool',
  date: 'timestamp',
  timestamptz: 'timestamp',
  jsonb: 'json',
  point: 'geopoint',
  'text[]': 'list(string)',
  'bigint[]': 'list(int)',
  attributes: 'json',
  attribute: 'string',
};

/** A field by the type of its column; a date is the beginning of its day in UTC. */
export function celField(columnType: string, nullable: boolean): CelField {
  const stored = columnType.replace(/\(.*\)$/, '');
  const type = types[stored];
  if (type === undefined) throw new Error(`no expression has a value of type ${columnType}`);
  return { type, nullable, stored };
}

/** The fields of a schema, as `self` or `old` has them. A field that is required is never null. */
export function recordFields(
  fields: readonly Field[],
  columnType: (field: Field) => string,
): ReadonlyMap<string, CelField> {
  return new Map(
    fields.map((field) => [field.name, celField(columnType(field), field.required !== true)]),
  );
}

const column = (name: string, type: string, nullable: boolean) =>
  [name, celField(type, nullable)] as const;

/** Columns that the platform fills: known to the database, and not before a record is written. */
export const systemColumns: ReadonlyMap<string, CelField> = new Map([
  column('id', 'uuid', false),
  column('version', 'bigint', false),
  column('created_at', 'timestamptz', false),
  column('created_by', 'text', false),
  column('updated_at', 'timestamptz', false),
  column('updated_by', 'text', false),
  column('deleted_at', 'timestamptz', true),
  column('archived_at', 'timestamptz', true),
  column('archive_ref', 'text', true),
]);

/** Of those, what is known of a record whenever somebody asks for it through the API. */
export const recordColumns: ReadonlyMap<string, CelField> = new Map(
  ['id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by'].map((name) => [
    name,
    systemColumns.get(name)!,
  ]),
);

/** Who asks. `attributes` are what tokens and bindings bring along: `actor.attributes.region`. */
export const actorFields: ReadonlyMap<string, CelField> = new Map([
  column('id', 'text', false),
  column('type', 'text', false),
  column('organisation', 'text', false),
  column('roles', 'text[]', false),
  column('email', 'attribute', false),
  column('attributes', 'attributes', false),
]);

/** How they ask. */
export const requestFields: ReadonlyMap<string, CelField> = new Map([
  column('operation', 'text', false),
  column('method', 'text', false),
  column('address', 'text', false),
  column('time', 'timestamptz', false),
  column('reason', 'attribute', false),
  column('ticket', 'attribute', false),
]);
