import type { Field, FieldType } from '../../contract/kinds.ts';
import { compilePattern } from './field-patterns.ts';

/** Postgres' bigint. */
const integerMin = -(2n ** 63n);
const integerMax = 2n ** 63n - 1n;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const decimalPattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const datePattern = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const datetimePattern =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?([Zz]|[+-](0[0-9]|1[0-4]):[0-5][0-9])$/;

/** What is wrong with a value and what would be right. */
export interface ValueProblem {
  readonly message: string;
  readonly hint: string;
}

/** Whether a value has the field's type: what a record's JSON holds for it. */
export function checkType(field: Field, value: unknown): ValueProblem | undefined {
  return typeChecks[field.type](value, field) ? undefined : wrongType(field);
}

/** Type and constraints. A field whose own constraints make no sense is judged by its type alone. */
export function checkValue(field: Field, value: unknown): ValueProblem | undefined {
  const wrong = checkType(field, value);
  if (wrong !== undefined) return wrong;
  for (const item of Array.isArray(value) && field.type !== 'json' ? value : [value]) {
    for (const check of constraintChecks) {
      const problem = check(field, item);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

const typeChecks: Record<FieldType, (value: unknown, field: Field) => boolean> = {
  string: isText,
  enum: (value, field) => isText(value) && (field.enumValues ?? []).includes(value as string),
  boolean: (value) => typeof value === 'boolean',
  integer: isInteger,
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  decimal: (value) => decimalText(value) !== undefined,
  date: (value) => typeof value === 'string' && isDate(value),
  datetime: (value) => typeof value === 'string' && isDatetime(value),
  uuid: (value) => typeof value === 'string' && uuidPattern.test(value),
  json: (value) => value !== undefined,
  geopoint: isGeopoint,
  'string[]': (value) => Array.isArray(value) && value.every(isText),
  'integer[]': (value) => Array.isArray(value) && value.every(isInteger),
  // The type is that of the target's key, which only the target knows, except for `id`.
  ref: (value, field) =>
    (field.ref?.key ?? 'id') === 'id'
      ? typeof value === 'string' && uuidPattern.test(value)
      : typeof value === 'string' || typeof value === 'number',
};

const examples: Record<FieldType, string> = {
  string: 'a text',
  enum: 'one of its enumValues',
  boolean: 'true or false',
  integer: 'an integer: 42',
  number: 'a number: 1.5',
  decimal: "a decimal number in quotes: '19.90'",
  date: "a date of the calendar: '2026-01-31'",
  datetime: "a time as in RFC 3339: '2026-01-31T12:00:00Z'",
  uuid: 'a UUID: 0190a6e0-7c1b-7000-8000-000000000000',
  json: 'any JSON value',
  geopoint: 'a point: {lat: 52.5, lon: 13.4}',
  'string[]': 'a list of texts',
  'integer[]': 'a list of integers',
  ref: "a value of the target's key",
};

function wrongType(field: Field): ValueProblem {
  const values = field.type === 'enum' ? ` (${(field.enumValues ?? []).join(', ')})` : '';
  return {
    message: `is not of type ${field.type}`,
    hint: `Give ${examples[field.type]}${values}.`,
  };
}

type ConstraintCheck = (field: Field, value: unknown) => ValueProblem | undefined;

const constraintChecks: readonly ConstraintCheck[] = [
  ({ min }, value) =>
    min !== undefined && isNumeric(value) && Number(value) < min
      ? { message: `is below min ${min}`, hint: `Give at least ${min}.` }
      : undefined,
  ({ max }, value) =>
    max !== undefined && isNumeric(value) && Number(value) > max
      ? { message: `is above max ${max}`, hint: `Give at most ${max}.` }
      : undefined,
  ({ maxLength }, value) =>
    maxLength !== undefined && typeof value === 'string' && [...value].length > maxLength
      ? { message: `is longer than ${maxLength} characters`, hint: 'Shorten it.' }
      : undefined,
  ({ pattern }, value) => {
    if (pattern === undefined || typeof value !== 'string') return undefined;
    const compiled = compilePattern(pattern);
    if ('error' in compiled || compiled.regex.matcher(value).find()) return undefined;
    return { message: `does not match ${pattern}`, hint: 'Give a value that matches.' };
  },
  checkDigits,
];

function checkDigits(field: Field, value: unknown): ValueProblem | undefined {
  const text = field.type === 'decimal' ? decimalText(value) : undefined;
  if (text === undefined || field.precision === undefined) return undefined;
  const [whole = '', fraction = ''] = text.replace(/^-?0*/, '').split('.');
  const scale = field.scale ?? 0;
  const wholeMax = field.precision - scale;
  if (fraction.length <= scale && whole.length <= wholeMax) return undefined;
  return {
    message: `does not fit precision ${field.precision} and scale ${scale}`,
    hint: `Give at most ${wholeMax} digits before the point and ${scale} after it.`,
  };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed();
}

function isInteger(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'string' || !/^-?[0-9]{1,19}$/.test(value)) return false;
  return BigInt(value) >= integerMin && BigInt(value) <= integerMax;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && decimalPattern.test(value));
}

function decimalText(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && decimalPattern.test(text) ? text : undefined;
}

function isDate(text: string): boolean {
  const [, year, month, day] = datePattern.exec(text) ?? [];
  if (year === undefined || Number(year) === 0) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
}

function isDatetime(text: string): boolean {
  const match = datetimePattern.exec(text);
  return match !== null && isDate(match[1]!);
}

function isGeopoint(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { lat, lon, ...rest } = value as Record<string, unknown>;
  return (
    Object.keys(rest).length === 0 &&
    typeof lat === 'number' &&
    Math.abs(lat) <= 90 &&
    typeof lon === 'number' &&
    Math.abs(lon) <= 180
  );
}
