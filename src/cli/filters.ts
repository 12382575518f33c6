import { usageFailure } from './failures.ts';

export interface Filter {
  readonly field: string;
  readonly op: string;
  readonly value: string;
}

/** Longest first: `>=` must not be read as `>`. */
const signs: readonly (readonly [sign: string, op: string])[] = [
  ['>=', 'gte'],
  ['<=', 'lte'],
  ['!=', 'neq'],
  ['^=', 'starts_with'],
  ['=', 'eq'],
  ['>', 'gt'],
  ['<', 'lt'],
  ['~', 'contains'],
];

/** Operators whose value is a list, with commas between. */
const listOps = new Set(['in', 'not_in', 'between', 'overlaps', 'contains_all']);

const presenceOps = new Set(['is_null', 'is_not_null', 'exists']);

/** `status=open`, `count>=10`, `name~air`, `name^=San`, `state[in]=TX,CA`, `closed_at[is_null]`. */
export function parseFilter(text: string): Filter {
  const named = /^(?<field>[^[\]=<>!~^]+)\[(?<op>[a-z_]+)\](?:=(?<value>[\s\S]*))?$/.exec(text);
  if (named?.groups !== undefined) {
    const { field = '', op = '', value = 'true' } = named.groups;
    return { field: field.trim(), op, value };
  }
  const at = text.search(/[=<>!~^]/);
  const sign = signs.find(([candidate]) => text.startsWith(candidate, at));
  if (at <= 0 || sign === undefined) {
    throw usageFailure(
      `"${text}" is not a filter`,
      'For example: status=open, count>=10, name~air, name^=San, state[in]=TX,CA, closed_at[is_null]',
    );
  }
  return {
    field: text.slice(0, at).trim(),
    op: sign[1],
    value: text.slice(at + sign[0].length).trim(),
  };
}

export function queryParamOf({ field, op, value }: Filter): [name: string, value: string] {
  return [op === 'eq' ? `filter[${field}]` : `filter[${field}][${op}]`, value];
}

/** For the query body, which takes numbers and booleans as text too. */
export function conditionOf({ field, op, value }: Filter): unknown {
  if (listOps.has(op)) return { field, op, value: value.split(',').map((member) => member.trim()) };
  if (op === 'within_km') {
    const [lat, lon, km] = value.split(',').map(Number);
    return { field, op, value: { lat, lon, km } };
  }
  return presenceOps.has(op) ? { field, op, value: value !== 'false' } : { field, op, value };
}
