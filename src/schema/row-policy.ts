import type { Filter, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';

/** `{{identity.attributes.region}}`: a value that each caller brings along. */
const attributePattern = /^\{\{\s*identity\.attributes\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$/;

/** The attribute that a filter's value names, if it names one. */
export function filterAttribute(value: unknown): string | undefined {
  return typeof value === 'string' ? attributePattern.exec(value)?.[1] : undefined;
}

/**
 * The RLS condition of a record table: no context, no rows; then, where the schema has row filters,
 * the rows of each filtered role that the caller holds. A caller with a role that has no filter sees
 * all: that is a CASE and never an OR, which made the planner guess 2 rows for 500. Functions of the
 * context stand in sub-selects, so that they run once a statement.
 */
export function rowPolicy(
  at: { readonly organisation: string; readonly path: string },
  spec: SchemaDefinitionSpec,
  columnTypes: ReadonlyMap<string, string>,
): string {
  const inOrganisation = `(select platform.in_organisation(${quoteLiteral(at.organisation)}))`;
  const path = quoteLiteral(at.path);
  const filters = spec.access.rowFilter ?? [];
  if (filters.length === 0) return inOrganisation;
  const roles = [...new Set(filters.map((filter) => filter.role))];
  const visible = roles
    .map((role) => {
      // Several filters of one role narrow together; several roles add up.
      const conditions = filters
        .filter((filter) => filter.role === role)
        .map((filter) =>
          filterCondition(
            `${path}, ${quoteLiteral(role)}`,
            filter.filter,
            columnTypes.get(filter.filter.field) ?? 'text',
          ),
        );
      return `((select platform.holds_role(${path}, ${quoteLiteral(role)})) and ${conditions.join(' and ')})`;
    })
    .join(' or ');
  const filtered = `array[${roles.map(quoteLiteral).join(', ')}]::text[]`;
  return `${inOrganisation} and case when (select platform.sees_all(${path}, ${filtered})) then true else ${visible} end`;
}

/** An attribute has several values when several bindings give it: any of them lets the row through. */
function filterCondition(holder: string, filter: Filter, type: string): string {
  const column = quoteIdentifier(filter.field);
  const attribute = filterAttribute(filter.value);
  if (attribute === undefined)
    return condition(column, filter.op, type, literals(filter.value, type.replace(/\[\]$/, '')));
  const values = `(select platform.attribute_values(${holder}, ${quoteLiteral(attribute)}))::${type}[]`;
  if (filter.op === 'eq' || filter.op === 'in') return `${column} = any (${values})`;
  if (filter.op === 'neq' || filter.op === 'not_in') {
    // Without the attribute nothing is visible; a bare `<> all ('{}')` would let everything through.
    return `(${column} <> all (${values}) and cardinality(${values}) > 0)`;
  }
  return `exists (select from unnest(${values}) as v (value) where ${condition(column, filter.op, type, ['v.value'])})`;
}

function literals(value: unknown, type: string): string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.map((one) => `${quoteLiteral(String(one))}::${type}`);
}

const comparisons: Readonly<Record<string, string>> = {
  eq: '=',
  neq: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  like: 'like',
};

function condition(column: string, op: string, type: string, values: readonly string[]): string {
  const comparison = comparisons[op];
  if (comparison !== undefined) return `${column} ${comparison} ${values[0]}`;
  switch (op) {
    case 'in':
      return `${column} = any (array[${values.join(', ')}]::${type}[])`;
    case 'not_in':
      return `${column} <> all (array[${values.join(', ')}]::${type}[])`;
    case 'between':
      return `${column} between ${values[0]} and ${values[1]}`;
    case 'starts_with':
      return `starts_with(${column}, ${values[0]})`;
    case 'contains':
      return type.endsWith('[]')
        ? `${column} @> array[${values[0]}]`
        : `position(${values[0]} in ${column}) > 0`;
    case 'is_null':
      return `${column} is null`;
    case 'is_not_null':
    case 'exists':
      return `${column} is not null`;
    case 'overlaps':
      return `${column} && array[${values.join(', ')}]::${type}`;
    case 'contains_all':
      return `${column} @> array[${values.join(', ')}]::${type}`;
    default:
      // Admission refuses what no row filter can say; nothing passes if one slips through.
      return 'false';
  }
}
