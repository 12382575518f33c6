import type { Problem } from '../errors.ts';
import type { FieldCondition, Operator } from './condition.ts';
import { operators } from './condition.ts';
import { joinPointer } from './pointer.ts';

/** Operators whose value is a list: commas separate it, or the parameter is repeated. */
const listOperators: ReadonlySet<Operator> = new Set([
  'in',
  'not_in',
  'between',
  'overlaps',
  'contains_all',
]);

/** Operators that ask about presence; their value, if any, is true or false. */
const presenceOperators: ReadonlySet<Operator> = new Set(['is_null', 'is_not_null', 'exists']);

export interface FilterParam {
  readonly field: string;
  readonly op: string | undefined;
  readonly value: string | readonly string[];
}

/** `filter[field]=value` or `filter[field][op]=value`; the value stays text until the type is known. */
export function parseFilterParam(
  { field, op = 'eq', value }: FilterParam,
  problems: Problem[],
): FieldCondition | undefined {
  const pointer = joinPointer(joinPointer('/filter', field), op);
  if (field === '') {
    problems.push({ pointer, rule: 'type', message: 'filter[] must name a field' });
    return undefined;
  }
  if (!isOperator(op)) {
    problems.push({
      pointer,
      rule: 'enum',
      message: `"${op}" is no operator`,
      hint: `Operators: ${operators.join(', ')}.`,
    });
    return undefined;
  }
  if (listOperators.has(op)) {
    const list = typeof value === 'string' ? value.split(',') : value;
    return { field, op, value: list, pointer };
  }
  if (typeof value !== 'string') {
    problems.push({
      pointer,
      rule: 'once',
      message: `filter[${field}][${op}] is given more than once`,
      hint: `filter[${field}][in]=a,b matches any of several values.`,
    });
    return undefined;
  }
  if (op === 'within_km') {
    const [lat, lon, km, ...rest] = value.split(',').map((part) => part.trim());
    if (km !== undefined && rest.length === 0)
      return { field, op, value: { lat, lon, km }, pointer };
    problems.push({ pointer, rule: 'type', message: 'within_km must be latitude,longitude,km' });
    return undefined;
  }
  if (presenceOperators.has(op) && value === '') return { field, op, pointer };
  return { field, op, value, pointer };
}

export function isOperator(text: unknown): text is Operator {
  return operators.some((operator) => operator === text);
}
