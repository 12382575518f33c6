import type { CompiledField } from '../schema/compile.ts';
import type { Operator } from './condition.ts';
import type { ValueType } from './value-type.ts';

/** A value as the parameter of a statement: text but for numbers, booleans and lists. */
export type Scalar = string | number | boolean;
export type FilterValue = Scalar | readonly Scalar[] | GeoCircle | undefined;

export interface GeoCircle {
  readonly lat: number;
  readonly lon: number;
  readonly km: number;
}

/** Why a value does not fit, as the end of a sentence: `must be …`. */
export class UnfitValue extends Error {}

/** Values in one list. Postgres compares each row with all of them when no index serves. */
const listValuesMax = 1_000;

const integerMax = 2n ** 63n - 1n;
const integerMin = -(2n ** 63n);
/** Half the way round the earth: farther than this is everywhere. */
const kilometresMax = 20_040;
/** As deep as bodies may be. */
const jsonLevelsMax = 32;
/** What numeric can hold, and far more than any column keeps. */
const decimalDigitsMax = 1_000;

/**
 * The value of a condition in the form its operator compares, exact to the last digit; throws
 * UnfitValue. Numbers and booleans may come as text, which is all that a URL has.
 */
export function readFilterValue(
  field: CompiledField,
  type: ValueType,
  op: Operator,
  value: unknown,
): FilterValue {
  switch (op) {
    case 'is_null':
    case 'is_not_null':
    case 'exists':
      return value === undefined ? true : readBoolean(value);
    case 'in':
    case 'not_in':
      return readList(value, (member) => readScalar(field, type, member));
    case 'between': {
      const bounds = readList(value, (member) => readScalar(field, type, member));
      if (bounds.length !== 2) throw new UnfitValue('must be a list of two: from and to');
      return bounds;
    }
    case 'like':
      return readPattern(value);
    case 'within_km':
      return readCircle(value);
    case 'contains':
      if (type === 'json') return readJson(value);
      return readScalar(field, memberType(type), value);
    case 'overlaps':
    case 'contains_all':
      return readMembers(type, value);
    default:
      if (type === 'json') return readJson(value);
      return type === 'text[]' || type === 'integer[]'
        ? readMembers(type, value)
        : readScalar(field, type, value);
  }
}

function readMembers(type: ValueType, value: unknown): readonly Scalar[] {
  return readList(value, (member) => readScalar(undefined, memberType(type), member));
}

function memberType(type: ValueType): ValueType {
  if (type === 'text[]') return 'text';
  return type === 'integer[]' ? 'integer' : type;
}

function readList(value: unknown, read: (member: unknown) => Scalar): readonly Scalar[] {
  if (!Array.isArray(value)) throw new UnfitValue('must be a list');
  if (value.length > listValuesMax) {
    throw new UnfitValue(`must hold at most ${listValuesMax} values`);
  }
  return value.map(read);
}

function readScalar(field: CompiledField | undefined, type: ValueType, value: unknown): Scalar {
  if (value === null || value === undefined) {
    throw new UnfitValue('must be a value; is_null finds records without one');
  }
  switch (type) {
    case 'enum':
      return readEnum(field, value);
    case 'integer':
      return readInteger(value);
    case 'number':
      return readNumber(value);
    case 'decimal':
      return readDecimal(value);
    case 'boolean':
      return readBoolean(value);
    case 'date':
      return readDate(value);
    case 'datetime':
      return readDatetime(value);
    case 'uuid':
      return readUuid(value);
    default:
      return readText(value);
  }
}

function readText(value: unknown): string {
  if (typeof value !== 'string') throw new UnfitValue('must be a string');
  if (value.includes('\0') || !value.isWellFormed()) {
    throw new UnfitValue('must not hold NUL or half a surrogate pair');
  }
  return value;
}

function readEnum(field: CompiledField | undefined, value: unknown): string {
  const values = field?.spec.enumValues ?? [];
  const found = values.find((known) => known === value);
  if (found === undefined) throw new UnfitValue(`must be one of ${values.join(', ')}`);
  return found;
}

function readInteger(value: unknown): string {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^[+-]?\d{1,19}$/.test(text)) {
    throw new UnfitValue('must be an integer, beyond 2^53 as a string');
  }
  const integer = BigInt(text.replace(/^\+/, ''));
  if (integer < integerMin || integer > integerMax) {
    throw new UnfitValue('must be an integer of 64 bits');
  }
  return integer.toString();
}

function readNumber(value: unknown): number {
  const number =
    typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i.test(value)
      ? Number(value)
      : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new UnfitValue('must be a finite number');
  }
  return number;
}

function readDecimal(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^[+-]?\d+(\.\d+)?$/.test(text)) {
    throw new UnfitValue('must be a decimal without exponent, best as a string');
  }
  if (text.length > decimalDigitsMax) {
    throw new UnfitValue(`must have at most ${decimalDigitsMax} digits`);
  }
  return text;
}

function readBoolean(value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UnfitValue('must be true or false');
}

function readUuid(value: unknown): string {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
  if (typeof value !== 'string' || !form.test(value)) throw new UnfitValue('must be a UUID');
  return value.toLowerCase();
}

function readDate(value: unknown): string {
  const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(value) : null;
  if (parts === null || !isCalendarDate(Number(parts[1]), Number(parts[2]), Number(parts[3]))) {
    throw new UnfitValue('must be a date such as 2026-01-31');
  }
  return parts[0];
}

/** RFC 3339, section 5.6, without leap seconds; a time without a zone would be ambiguous. */
function readDatetime(value: unknown): string {
  const form =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:0\d|1[0-4]):[0-5]\d)$/;
  // In a URL an unescaped "+" arrives as a blank.
  const text = typeof value === 'string' ? value.replace(/ (?=\d\d:\d\d$)/, '+') : '';
  const parts = form.exec(text);
  if (parts === null || !isCalendarDate(Number(parts[1]), Number(parts[2]), Number(parts[3]))) {
    throw new UnfitValue('must be a time with its zone, such as 2026-01-31T09:30:00Z');
  }
  return parts[0];
}

function isCalendarDate(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

function readPattern(value: unknown): string {
  const text = readText(value);
  const trailing = /\\*$/.exec(text)![0].length;
  if (trailing % 2 === 1) throw new UnfitValue('must not end with an escape character');
  return text;
}

function readJson(value: unknown): string {
  if (value === null || value === undefined) throw new UnfitValue('must be a JSON value');
  checkJson(value, 1);
  return JSON.stringify(value);
}

/** jsonb holds neither NUL nor half a surrogate pair. */
function checkJson(value: unknown, level: number): void {
  if (level > jsonLevelsMax) throw new UnfitValue(`must nest at most ${jsonLevelsMax} levels`);
  if (typeof value === 'string') readText(value);
  else if (Array.isArray(value)) for (const member of value) checkJson(member, level + 1);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      readText(name);
      checkJson(member, level + 1);
    }
  }
}

function readCircle(value: unknown): GeoCircle {
  const shape = 'must be {lat, lon, km}';
  if (typeof value !== 'object' || value === null) throw new UnfitValue(shape);
  const known = ['lat', 'lon', 'km'];
  if (Object.keys(value).some((name) => !known.includes(name))) throw new UnfitValue(shape);
  const members = value as Record<string, unknown>;
  const [lat, lon, km] = known.map((name) => readNumber(members[name])) as [number, number, number];
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180) {
    throw new UnfitValue('must have lat from -90 to 90 and lon from -180 to 180');
  }
  if (km < 0 || km > kilometresMax) throw new UnfitValue(`must have km from 0 to ${kilometresMax}`);
  return { lat, lon, km };
}
