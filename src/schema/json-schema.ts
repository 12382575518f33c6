import type { CompiledField } from './compile.ts';

/** JSON Schema (2020-12) of one value, as far as JSON Schema can say it; `null` where it may be absent. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Postgres has no year 0, and keeps microseconds: more digits would be rounded in silence. */
const year = '([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])';
const datePattern = `^${year}-`;
const datetimePattern = `^${year}-[0-9-]+[Tt ][0-9:]+(\\.[0-9]{1,6})?([Zz]|[+-][0-9:]+)$`;
const digits = '^-?(0|[1-9][0-9]*)$';
const decimalDigits = '^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$';

/** Patterns that no user wrote: any engine runs them in linear time. */
export const ownPatterns: ReadonlySet<string> = new Set([
  digits,
  decimalDigits,
  datePattern,
  datetimePattern,
]);

/**
 * What the API takes and gives for a field. Integers beyond 2^53 and decimals are strings, since a
 * JSON number would lose their last digits; decimals are taken as numbers too.
 */
export function fieldJsonSchema(field: CompiledField): JsonSchema {
  const { spec } = field;
  if (field.system) return systemSchema(field);
  const base = valueSchema(field);
  const described = spec.default === undefined ? base : { ...base, default: spec.default };
  return spec.required === true ? described : nullable(described);
}

/** Columns that the platform fills: an integer among them is far from 2^53. */
function systemSchema(field: CompiledField): JsonSchema {
  return field.type === 'integer' ? { type: 'integer' } : valueSchema(field);
}

function valueSchema(field: CompiledField): JsonSchema {
  const { spec } = field;
  switch (field.type) {
    case 'string':
      return {
        type: 'string',
        ...bounded('maxLength', spec.maxLength),
        ...bounded('pattern', spec.pattern),
      };
    case 'enum':
      return { type: 'string', enum: spec.enumValues ?? [] };
    case 'integer':
      return integerSchema(spec);
    case 'number':
      return { type: 'number', ...bounded('minimum', spec.min), ...bounded('maximum', spec.max) };
    case 'decimal':
      return {
        type: ['string', 'number'],
        format: 'decimal',
        pattern: decimalDigits,
        'x-velocity-decimal': {
          ...bounded('precision', spec.precision),
          ...bounded('scale', spec.scale),
          ...bounded('min', spec.min),
          ...bounded('max', spec.max),
        },
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'date':
      return { type: 'string', format: 'date', pattern: datePattern };
    case 'datetime':
      return {
        type: 'string',
        format: 'date-time',
        pattern: datetimePattern,
      };
    case 'uuid':
      return { type: 'string', format: 'uuid' };
    case 'json':
      return {};
    case 'geopoint':
      return {
        type: 'object',
        required: ['lat', 'lon'],
        additionalProperties: false,
        properties: {
          lat: { type: 'number', minimum: -90, maximum: 90 },
          lon: { type: 'number', minimum: -180, maximum: 180 },
        },
      };
    case 'string[]':
      return {
        type: 'array',
        maxItems: listItemsMax,
        items: {
          type: 'string',
          ...bounded('maxLength', spec.maxLength),
          ...bounded('pattern', spec.pattern),
        },
      };
    case 'integer[]':
      return { type: 'array', maxItems: listItemsMax, items: integerSchema(spec) };
    case 'ref':
      return referenceSchema(field.columnType);
  }
}

/** Members of a list value: what an index over lists still serves well. */
const listItemsMax = 1_000;

/** `minimum` and `maximum` judge numbers; a string of digits is judged by a keyword of ours. */
function integerSchema(spec: CompiledField['spec']): JsonSchema {
  return {
    type: ['integer', 'string'],
    format: 'int64',
    pattern: digits,
    ...bounded('minimum', spec.min),
    ...bounded('maximum', spec.max),
    'x-velocity-integer': { ...bounded('min', spec.min), ...bounded('max', spec.max) },
  };
}

function referenceSchema(columnType: string): JsonSchema {
  if (columnType === 'uuid') return { type: 'string', format: 'uuid' };
  if (columnType === 'bigint') return integerSchema({ name: '', type: 'integer' });
  if (columnType.startsWith('numeric')) return { type: ['string', 'number'] };
  return { type: 'string' };
}

function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: values, ...rest } = schema;
  if (type === undefined) return schema;
  return {
    type: [type, 'null'].flat(),
    ...(Array.isArray(values) && { enum: [...values, null] }),
    ...rest,
  };
}

function bounded(name: string, value: unknown): JsonSchema {
  return value === undefined ? {} : { [name]: value };
}
