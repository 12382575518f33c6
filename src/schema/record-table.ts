import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { isOrdered } from './column-type.ts';
import { checkName, declaredIndexName, uniqueIndexName } from './compile.ts';
import { postgresName, quoteIdentifier, quoteLiteral } from './identifier.ts';
import { indexCondition } from './index-condition.ts';

/** `name type default … not null`. An added column is never NOT NULL: old rows have no value. */
export function columnDefinition(field: Field, type: string, creating: boolean): string {
  const parts = [quoteIdentifier(field.name), type];
  const value = defaultOf(field, type);
  if (value !== undefined) parts.push(`default ${value}`);
  if (creating && field.required === true) parts.push('not null');
  return parts.join(' ');
}

/** The field's default as a SQL expression, for rows that do not come through the API. */
export function defaultOf(field: Field, type: string): string | undefined {
  const value = field.default;
  if (value === undefined || value === null) return undefined;
  if (type === 'jsonb') return `${quoteLiteral(JSON.stringify(value))}::jsonb`;
  if (type === 'point') {
    const { lat, lon } = value as { lat: number; lon: number };
    return `point(${Number(lon)}, ${Number(lat)})`;
  }
  if (Array.isArray(value))
    return `array[${value.map((one) => quoteLiteral(String(one))).join(', ')}]::${type}`;
  return `${quoteLiteral(String(value))}::${type}`;
}

/** What the database itself keeps of a field's rules; null always passes. Patterns stay with the API. */
export function checkOf(
  table: string,
  field: Field,
  type: string,
  column = quoteIdentifier(field.name),
): { name: string; expression: string } | undefined {
  const rules: string[] = [];
  if (field.type === 'enum')
    rules.push(`${column} in (${(field.enumValues ?? []).map(quoteLiteral).join(', ')})`);
  if (field.maxLength !== undefined && type === 'text')
    rules.push(`char_length(${column}) <= ${field.maxLength}`);
  if (['integer', 'number', 'decimal'].includes(field.type)) {
    if (field.min !== undefined)
      rules.push(`${column} >= ${quoteLiteral(String(field.min))}::numeric`);
    if (field.max !== undefined)
      rules.push(`${column} <= ${quoteLiteral(String(field.max))}::numeric`);
  }
  return rules.length === 0
    ? undefined
    : { name: checkName(table, field.name), expression: rules.join(' and ') };
}

interface PlannedIndex {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** Columns, and for a partial index its condition. */
  readonly definition: string;
}

/**
 * Indexes of a record table. A field that may be filtered or sorted by has `(field, id)`, which
 * serves a filtered list in its default order without a sort; a composite index declared by the
 * schema ends with the id for the same reason, in the direction of its last field, as a list breaks
 * ties. `columnOf` says where a field is for now.
 */
export function plannedIndexes(
  table: string,
  spec: SchemaDefinitionSpec,
  typeOf: (field: Field) => string,
  columnOf: (field: string) => string = (field) => field,
): PlannedIndex[] {
  const indexes: PlannedIndex[] = [];
  for (const field of spec.fields) {
    const column = quoteIdentifier(columnOf(field.name));
    const fields = [field.name];
    const type = typeOf(field);
    if (field.unique === true) {
      indexes.push({
        name: uniqueIndexName(table, [field.name]),
        fields,
        unique: true,
        definition: `(${column})`,
      });
      continue;
    }
    // References are looked up from the other side whenever a target is deleted.
    const wanted =
      field.filterable === true ||
      field.indexed === true ||
      field.sortable === true ||
      field.type === 'ref';
    if (!wanted) continue;
    const name = postgresName(table, field.name, 'idx');
    if (type === 'point')
      indexes.push({ name, fields, unique: false, definition: `using gist (${column})` });
    else if (isOrdered(type))
      indexes.push({ name, fields, unique: false, definition: `(${column}, id)` });
    else indexes.push({ name, fields, unique: false, definition: `using gin (${column})` });
  }
  for (const index of spec.indexes ?? []) {
    const names = index.fields.map((field) => field.name);
    const columns = index.fields.map(
      (field) =>
        `${quoteIdentifier(columnOf(field.name))} ${field.direction === 'desc' ? 'desc' : 'asc'}`,
    );
    const unique = index.unique === true;
    const tieBreak = index.fields.at(-1)?.direction === 'desc' ? 'id desc' : 'id';
    const condition = indexCondition(index, spec, typeOf);
    const where = condition === undefined ? '' : ` where ${condition.sql(columnOf)}`;
    const list = unique || names.includes('id') ? columns : [...columns, tieBreak];
    indexes.push({
      name: declaredIndexName(table, index),
      fields: [...new Set([...names, ...(condition?.fields ?? [])])],
      unique,
      definition: `(${list.join(', ')})${where}`,
    });
  }
  // Two fields of one name in different declarations make one index.
  return [...new Map(indexes.map((index) => [index.name, index])).values()];
}
