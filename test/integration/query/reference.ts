import type { Condition, FieldCondition } from '../../../src/query/condition.ts';
import type { SortKey } from '../../../src/query/record-query.ts';
import type { ThingRow } from './thing-table.ts';

/** What a query means, said again in JavaScript: the SQL is held against this. */
export function matches(condition: Condition, row: ThingRow): boolean {
  if ('not' in condition) return !matches(condition.not, row);
  if ('and' in condition) return condition.and.every((member) => matches(member, row));
  if ('or' in condition) return condition.or.some((member) => matches(member, row));
  return passes(condition, row);
}

/** Nulls last upwards, first downwards; the id decides what else is equal. */
export function sorted(rows: readonly ThingRow[], keys: readonly SortKey[]): ThingRow[] {
  const last = keys.at(-1)?.direction ?? 'asc';
  const all = [...keys, { field: 'id', direction: last }];
  return rows.toSorted((a, b) => {
    for (const { field, direction } of all) {
      const order = compareNullable(field, a[field] ?? null, b[field] ?? null);
      if (order !== 0) return direction === 'asc' ? order : -order;
    }
    return 0;
  });
}

function compareNullable(field: string, a: unknown, b: unknown): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compare(field, a, b);
}

/** Exact for integers and decimals of four digits; ISO dates, UUIDs and ASCII compare as text. */
function compare(field: string, a: unknown, b: unknown): number {
  const [left, right] = [comparable(field, a), comparable(field, b)];
  return left < right ? -1 : Number(left > right);
}

function comparable(field: string, value: unknown): string | number | bigint {
  if (['quantity', 'rank', 'counts', 'version'].includes(field)) return BigInt(value as string);
  if (field === 'amount') {
    const [whole = '0', fraction = ''] = String(value).split('.');
    const digits = BigInt(whole.replace('-', '') + fraction.padEnd(4, '0'));
    return whole.startsWith('-') ? -digits : digits;
  }
  return typeof value === 'boolean' ? Number(value) : (value as string | number);
}

function passes({ field, op, value }: FieldCondition, row: ThingRow): boolean {
  const own = row[field] ?? null;
  if (op === 'is_null') return (own === null) === (value ?? true);
  if (op === 'is_not_null' || op === 'exists') return (own !== null) === (value ?? true);
  if (op === 'not_in' && (value as unknown[]).length === 0) return true;
  if (own === null) return false;
  if (op === 'within_km') return distance(own, value) <= (value as { km: number }).km;
  if (field === 'attributes') {
    if (op === 'contains') return jsonContains(own, value);
    return (canonical(own) === canonical(value)) === (op === 'eq');
  }
  if (Array.isArray(own)) return passesList(field, op, own, value);
  const against = (other: unknown): number => compare(field, own, other);
  const list = value as unknown[];
  switch (op) {
    case 'eq':
      return against(value) === 0;
    case 'neq':
      return against(value) !== 0;
    case 'lt':
      return against(value) < 0;
    case 'lte':
      return against(value) <= 0;
    case 'gt':
      return against(value) > 0;
    case 'gte':
      return against(value) >= 0;
    case 'in':
      return list.some((member) => against(member) === 0);
    case 'not_in':
      return list.every((member) => against(member) !== 0);
    case 'between':
      return against(list[0]) >= 0 && against(list[1]) <= 0;
    case 'contains':
      return String(own).includes(String(value));
    case 'starts_with':
      return String(own).startsWith(String(value));
    case 'like':
      return likePattern(String(value)).test(String(own));
    default:
      throw new Error(`${op} is not for ${field}`);
  }
}

function passesList(field: string, op: string, own: readonly unknown[], value: unknown): boolean {
  const has = (member: unknown): boolean => own.some((each) => compare(field, each, member) === 0);
  const list = value as unknown[];
  const same = (): boolean =>
    own.length === list.length && own.every((each, at) => compare(field, each, list[at]) === 0);
  if (op === 'eq') return same();
  if (op === 'neq') return !same();
  if (op === 'contains') return has(value);
  return op === 'overlaps' ? list.some(has) : list.every(has);
}

function likePattern(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|([%_])|([^%_\\])/gs, (_, escaped, wild, plain) => {
    if (wild !== undefined) return wild === '%' ? '.*' : '.';
    return (escaped ?? plain).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}

function distance(own: unknown, circle: unknown): number {
  const [a, b] = [own, circle] as { lat: number; lon: number }[];
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const latitude = Math.sin(radians(a!.lat - b!.lat) / 2) ** 2;
  const longitude = Math.sin(radians(a!.lon - b!.lon) / 2) ** 2;
  const chord = latitude + Math.cos(radians(a!.lat)) * Math.cos(radians(b!.lat)) * longitude;
  return 2 * 6371.0088 * Math.asin(Math.min(1, Math.sqrt(chord)));
}

function jsonContains(own: unknown, value: unknown): boolean {
  if (typeof own !== 'object' || own === null) return own === value;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, member]) =>
    jsonContains((own as Record<string, unknown>)[name], member),
  );
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort())
      : member,
  );
}
