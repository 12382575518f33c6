import type {
  Field,
  FieldType,
  Filter,
  FilterOperator,
  SchemaDefinition,
} from '../../contract/kinds.ts';
import { filterAttribute } from '../../schema/row-policy.ts';
import { checkType } from './field-values.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse } from './finding.ts';
import { fieldsByName } from './schema-fields.ts';

const nullTests: readonly FilterOperator[] = ['is_null', 'is_not_null', 'exists'];
const equality: readonly FilterOperator[] = [...nullTests, 'eq', 'neq', 'in', 'not_in'];
const order: readonly FilterOperator[] = [...equality, 'lt', 'lte', 'gt', 'gte', 'between'];
const text: readonly FilterOperator[] = [...order, 'contains', 'starts_with', 'like'];
const array: readonly FilterOperator[] = [...nullTests, 'contains', 'overlaps', 'contains_all'];

const operatorsByType: Readonly<Record<FieldType, readonly FilterOperator[]>> = {
  string: text,
  enum: equality,
  boolean: equality,
  integer: order,
  number: order,
  decimal: order,
  date: order,
  datetime: order,
  uuid: order,
  ref: order,
  json: nullTests,
  // Distances are no part of the row policy, so no row filter has them.
  geopoint: nullTests,
  'string[]': array,
  'integer[]': array,
};

/** Operators whose value is a list of the field's values. */
const listOperators: readonly FilterOperator[] = [
  ...(['in', 'not_in', 'between', 'overlaps', 'contains_all'] as const),
];

/** A row filter that cannot be evaluated would have to hide every row or none; so it is refused. */
export function* rowFilters({ spec }: SchemaDefinition): Iterable<Finding> {
  const fields = fieldsByName(spec);
  for (const [i, { role, filter }] of (spec.access.rowFilter ?? []).entries()) {
    const pointer = at('spec', 'access', 'rowFilter', i, 'filter');
    const field = fields.get(filter.field);
    if (field === undefined) {
      const message = `The row filter of role "${role}" looks at field "${filter.field}", which does not exist.`;
      const hint = `Fields are ${quoted(spec.fields.map(({ name }) => name))}.`;
      yield refuse(`${pointer}/field`, 'row-filter', message, hint);
      continue;
    }
    const operators = operatorsByType[field.type];
    if (operators.includes(filter.op)) {
      yield* filterValue(filter, field, `${pointer}/value`);
      continue;
    }
    const message = `${filter.op} does not fit "${field.name}", a field of type ${field.type}, in a row filter.`;
    const hint = `Use one of ${operators.join(', ')}.`;
    yield refuse(`${pointer}/op`, 'row-filter', message, hint);
  }
}

function* filterValue({ op, value }: Filter, field: Field, pointer: string): Iterable<Finding> {
  if (nullTests.includes(op)) {
    if (value === true) return;
    const message = `${op} takes the value true and no other in a row filter.`;
    yield refuse(pointer, 'row-filter', message, 'Write value: true.');
  } else if (typeof value === 'string' && value.includes('{{')) {
    if (filterAttribute(value) !== undefined && op !== 'between') return;
    const message = `${JSON.stringify(value)} is not a template that a row filter can use with ${op}.`;
    const hint = 'The whole value is one attribute: "{{identity.attributes.region}}".';
    yield refuse(pointer, 'row-filter', message, hint);
  } else if (listOperators.includes(op)) {
    yield* listValue(op, value, field, pointer);
  } else {
    yield* literal(value, itemField(field), pointer);
    if (op !== 'like' || typeof value !== 'string' || !endsInEscape(value)) return;
    const message = `The pattern ${JSON.stringify(value)} ends with an escape character.`;
    yield refuse(pointer, 'row-filter', message, 'Double the last backslash, or remove it.');
  }
}

/** A backslash that escapes nothing: Postgres fails on it with every row. */
function endsInEscape(pattern: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*\\$/.test(pattern);
}

function* listValue(
  op: FilterOperator,
  value: unknown,
  field: Field,
  pointer: string,
): Iterable<Finding> {
  const complete =
    Array.isArray(value) && (op === 'between' ? value.length === 2 : value.length > 0);
  if (!complete) {
    const what = op === 'between' ? 'the lowest and the highest value' : 'at least one value';
    const message = `${op} needs a list of ${what}.`;
    yield refuse(pointer, 'row-filter', message, 'Give a list: [a, b].');
    return;
  }
  for (const [i, item] of value.entries()) {
    yield* literal(item, itemField(field), `${pointer}/${i}`);
  }
}

function* literal(value: unknown, field: Field, pointer: string): Iterable<Finding> {
  const problem = checkType(field, value);
  if (problem === undefined) return;
  const message = `The row filter compares "${field.name}" with ${JSON.stringify(value)}, which ${problem.message}.`;
  yield refuse(pointer, 'row-filter', message, problem.hint);
}

/** What the items of an array field are. */
function itemField(field: Field): Field {
  if (field.type === 'string[]') return { name: field.name, type: 'string' };
  if (field.type === 'integer[]') return { name: field.name, type: 'integer' };
  return field;
}
