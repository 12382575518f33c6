import type { Field } from '../contract/kinds.ts';

/**
 * The Postgres type of a field's column. A `ref` has the type of its target's key: `uuid` for id,
 * else that of the key field, which the caller knows.
 */
export function columnType(field: Field, targetKeyType: string | undefined): string {
  switch (field.type) {
    case 'string':
    case 'enum':
      return 'text';
    case 'integer':
      return 'bigint';
    case 'number':
      return 'double precision';
    case 'decimal':
      return field.precision === undefined
        ? 'numeric'
        : `numeric(${field.precision},${field.scale ?? 0})`;
    case 'boolean':
      return 'boolean';
    case 'date':
      return 'date';
    case 'datetime':
      return 'timestamptz';
    case 'uuid':
      return 'uuid';
    case 'json':
      return 'jsonb';
    case 'geopoint':
      return 'point';
    case 'string[]':
      return 'text[]';
    case 'integer[]':
      return 'bigint[]';
    case 'ref':
      return targetKeyType ?? 'uuid';
  }
}

/** Types whose values a B-tree can hold in order. */
export function isOrdered(type: string): boolean {
  return type !== 'point' && type !== 'jsonb' && !type.endsWith('[]');
}
