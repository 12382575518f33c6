import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { Problem } from '../errors.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { fieldJsonSchema } from '../schema/json-schema.ts';
import { withinDecimal, withinInteger } from './exact-number.ts';
import { linearPattern } from './linear-pattern.ts';

/** Validates the members of a record that are present; `[]` when all are well. */
export type ValidateRecord = (record: Readonly<Record<string, unknown>>) => readonly Problem[];

const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  allErrors: true,
  allowUnionTypes: true,
  code: {
    regExp: Object.assign((pattern: string) => linearPattern(pattern), { code: 'linearPattern' }),
  },
});
ajvFormats.default(ajv, ['date', 'date-time', 'uuid']);
// Their digits are judged by the keywords below.
ajv.addFormat('decimal', true);
ajv.addFormat('int64', true);
ajv.addKeyword({
  keyword: 'x-velocity-decimal',
  type: ['string', 'number'],
  validate: withinDecimal,
});
ajv.addKeyword({ keyword: 'x-velocity-integer', type: 'string', validate: withinInteger });

const noProblems: readonly Problem[] = [];
const validators = new WeakMap<CompiledSchema, ValidateRecord>();

/** The validator of an active revision, compiled at its first use. */
export function recordValidator(schema: CompiledSchema): ValidateRecord {
  let validate = validators.get(schema);
  if (validate === undefined) {
    validate = compileValidator(schema);
    validators.set(schema, validate);
  }
  return validate;
}

function compileValidator(schema: CompiledSchema): ValidateRecord {
  const check: ValidateFunction = ajv.compile({
    type: 'object',
    properties: Object.fromEntries(
      schema.userFields.map((field) => [field.name, fieldJsonSchema(field)]),
    ),
  });
  return (record) => (check(record) ? noProblems : problemsOf(schema, record, check.errors ?? []));
}

/** One problem a value, said in the terms of its field: an anyOf alone would leave several. */
function problemsOf(
  schema: CompiledSchema,
  record: Readonly<Record<string, unknown>>,
  errors: readonly ErrorObject[],
): Problem[] {
  const byPointer = new Map<string, Problem>();
  for (const error of errors) {
    const name = error.instancePath.split('/')[1] ?? '';
    const field = schema.fields.get(name);
    if (field === undefined) continue;
    const nested = field.type === 'geopoint' || field.type.endsWith('[]');
    const pointer = nested ? error.instancePath : `/${name}`;
    if (!byPointer.has(pointer))
      byPointer.set(pointer, problemOf(field, record[name], error, pointer));
  }
  return [...byPointer.values()];
}

function problemOf(
  field: CompiledField,
  value: unknown,
  error: ErrorObject,
  pointer: string,
): Problem {
  if (value === null)
    return { pointer, rule: 'required', message: `${field.name} must have a value` };
  return {
    pointer,
    rule: ruleOf(field, error),
    message: `${field.name} must be ${expected(field)}`,
  };
}

function ruleOf(field: CompiledField, error: ErrorObject): string {
  const rules: Readonly<Record<string, string>> = {
    'x-velocity-decimal': 'decimal',
    'x-velocity-integer': 'range',
    minimum: 'min',
    maximum: 'max',
  };
  return field.type === 'decimal' ? 'decimal' : (rules[error.keyword] ?? error.keyword);
}

/** What would be right, as the end of a sentence. */
function expected(field: CompiledField): string {
  const { spec } = field;
  const range = [
    spec.min !== undefined && `at least ${spec.min}`,
    spec.max !== undefined && `at most ${spec.max}`,
  ].filter((part) => part !== false);
  const ranged = range.length === 0 ? '' : `, ${range.join(' and ')}`;
  switch (field.type) {
    case 'string':
      return [
        'a string',
        spec.maxLength !== undefined && `of at most ${spec.maxLength} characters`,
        spec.pattern !== undefined && `that matches ${spec.pattern}`,
      ]
        .filter((part) => part !== false)
        .join(' ');
    case 'enum':
      return `one of ${(spec.enumValues ?? []).map((value) => JSON.stringify(value)).join(', ')}`;
    case 'integer':
      return `an integer${ranged} (as a string beyond 2^53)`;
    case 'number':
      return `a number${ranged}`;
    case 'decimal': {
      const size =
        spec.precision === undefined
          ? ''
          : ` of at most ${spec.precision} digits, ${spec.scale ?? 0} of them after the point`;
      return `a decimal${size}${ranged}, best as a string`;
    }
    case 'boolean':
      return 'true or false';
    case 'date':
      return 'a date such as 2026-01-31';
    case 'datetime':
      return 'a time with its zone and at most microseconds, such as 2026-01-31T12:00:00.5Z';
    case 'uuid':
      return 'a UUID';
    case 'geopoint':
      return '{lat, lon} with lat in -90…90 and lon in -180…180';
    case 'string[]':
      return 'a list of at most 1,000 strings';
    case 'integer[]':
      return `a list of at most 1,000 integers${ranged}`;
    case 'ref':
      return field.columnType === 'uuid'
        ? `the id of a ${spec.ref?.object ?? 'record'}`
        : `the ${spec.ref?.key} of a ${spec.ref?.object}`;
    default:
      return 'a valid value';
  }
}
