import type { CompiledField } from '../schema/compile.ts';
import type { Operator } from './condition.ts';

/** How values of a column compare; a reference compares as the key that it holds. */
export type ValueType =
  | 'text'
  | 'enum'
  | 'integer'
  | 'number'
  | 'decimal'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'uuid'
  | 'json'
  | 'geopoint'
  | 'text[]'
  | 'integer[]';

export function valueTypeOf(field: CompiledField): ValueType {
  if (field.type === 'enum') return 'enum';
  const type = field.columnType;
  if (type.startsWith('numeric')) return 'decimal';
  const found = byColumnType.get(type);
  if (found === undefined) throw new Error(`column type ${type} of ${field.name} is unknown`);
  return found;
}

const byColumnType: ReadonlyMap<string, ValueType> = new Map([
  ['text', 'text'],
  ['bigint', 'integer'],
  ['double precision', 'number'],
  ['boolean', 'boolean'],
  ['date', 'date'],
  ['timestamptz', 'datetime'],
  ['uuid', 'uuid'],
  ['jsonb', 'json'],
  ['point', 'geopoint'],
  ['text[]', 'text[]'],
  ['bigint[]', 'integer[]'],
]);

/**
 * The type that parameters are cast to. Decimals without precision: a cast to the column's own
 * would round the value asked for and then find records that do not equal it.
 */
export const parameterTypes: Readonly<Record<ValueType, string>> = {
  text: 'text',
  enum: 'text',
  integer: 'bigint',
  number: 'double precision',
  decimal: 'numeric',
  boolean: 'boolean',
  date: 'date',
  datetime: 'timestamptz',
  uuid: 'uuid',
  json: 'jsonb',
  geopoint: 'point',
  'text[]': 'text[]',
  'integer[]': 'bigint[]',
};

const presence: readonly Operator[] = ['is_null', 'is_not_null', 'exists'];
const equality: readonly Operator[] = ['eq', 'neq', 'in', 'not_in', ...presence];
const order: readonly Operator[] = [...equality, 'lt', 'lte', 'gt', 'gte', 'between'];
const list: readonly Operator[] = [
  'eq',
  'neq',
  'contains',
  'overlaps',
  'contains_all',
  ...presence,
];

/** Which operators a type knows. */
export const operatorsOf: Readonly<Record<ValueType, readonly Operator[]>> = {
  text: [...order, 'contains', 'starts_with', 'like'],
  enum: equality,
  integer: order,
  number: order,
  decimal: order,
  boolean: equality,
  date: order,
  datetime: order,
  uuid: order,
  json: ['eq', 'neq', 'contains', ...presence],
  geopoint: ['within_km', ...presence],
  'text[]': list,
  'integer[]': list,
};
