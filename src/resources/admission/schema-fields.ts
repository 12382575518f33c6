import type { Field, FieldType, SchemaDefinitionSpec } from '../../contract/kinds.ts';

/** The columns that every record has, as fields, for rules that may name them too. */
const systemFields: readonly Field[] = [
  { name: 'id', type: 'uuid' },
  { name: 'version', type: 'integer' },
  { name: 'created_at', type: 'datetime' },
  { name: 'created_by', type: 'string' },
  { name: 'updated_at', type: 'datetime' },
  { name: 'updated_by', type: 'string' },
  { name: 'deleted_at', type: 'datetime' },
  { name: 'archived_at', type: 'datetime' },
  { name: 'archive_ref', type: 'string' },
];

/** Fields by name, the schema's own and the system's; of two that share a name the first counts. */
export function fieldsByName({ fields }: SchemaDefinitionSpec): ReadonlyMap<string, Field> {
  const byName = new Map<string, Field>();
  for (const field of [...fields, ...systemFields]) {
    if (!byName.has(field.name)) byName.set(field.name, field);
  }
  return byName;
}

/** Types whose values one B-tree orders. */
export const orderedTypes: readonly FieldType[] = [
  ...(['string', 'integer', 'number', 'decimal', 'boolean', 'date', 'datetime'] as const),
  ...(['uuid', 'enum', 'ref'] as const),
];
