import type { CompiledField } from '../../schema/compile.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

const int64: JsonSchema = {
  type: ['integer', 'string'],
  format: 'int64',
  pattern: '^-?[0-9]+$',
  description: 'A string beyond 2^53.',
};

/** A field's values as JSON Schema 2020-12, for what the API reads and writes alike. */
export function fieldSchema(field: CompiledField): JsonSchema {
  const schema = { ...typeSchema(field), ...notes(field) };
  return field.spec.required === true || field.system ? schema : nullable(schema);
}

function typeSchema(field: CompiledField): JsonSchema {
  const { spec, type } = field;
  switch (type) {
    case 'string':
      return {
        type: 'string',
        ...(spec.maxLength !== undefined && { maxLength: spec.maxLength }),
        ...(spec.pattern !== undefined && { pattern: spec.pattern }),
      };
    case 'integer':
      return { ...(isSafeInteger(field) ? { type: 'integer' } : int64), ...bounds(field) };
    case 'number':
      return { type: 'number', ...bounds(field) };
    case 'decimal':
      return { type: 'string', format: 'decimal', pattern: '^-?[0-9]+(\\.[0-9]+)?$' };
    case 'boolean':
      return { type: 'boolean' };
    case 'date':
      return { type: 'string', format: 'date' };
    case 'datetime':
      return { type: 'string', format: 'date-time' };
    case 'uuid':
      return { type: 'string', format: 'uuid' };
    case 'enum':
      return { type: 'string', enum: spec.enumValues ?? [] };
    case 'ref':
      return field.columnType === 'uuid' ? { type: 'string', format: 'uuid' } : { type: 'string' };
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
        items: {
          type: 'string',
          ...(spec.maxLength !== undefined && { maxLength: spec.maxLength }),
        },
      };
    case 'integer[]':
      return { type: 'array', items: int64 };
    case 'json':
      return {};
    default:
      return type satisfies never;
  }
}

function bounds({ spec }: CompiledField): JsonSchema {
  return {
    ...(spec.min !== undefined && { minimum: spec.min }),
    ...(spec.max !== undefined && { maximum: spec.max }),
  };
}

function isSafeInteger({ system, spec }: CompiledField): boolean {
  if (system) return true;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
  return min >= -(2 ** 53) && max <= 2 ** 53;
}

function notes(field: CompiledField): JsonSchema {
  const { spec } = field;
  const said = [
    spec.unique === true && 'Unique.',
    spec.immutable === true && 'Set on create only.',
    field.type === 'decimal' &&
      spec.precision !== undefined &&
      `At most ${spec.precision} digits, ${spec.scale ?? 0} of them after the point.`,
    spec.ref && `Refers to ${spec.ref.object} ${spec.ref.version} by ${spec.ref.key ?? 'id'}.`,
    field.filterable && 'Filterable.',
    field.sortable && 'Sortable.',
  ].filter(Boolean);
  return {
    ...(said.length > 0 && { description: said.join(' ') }),
    ...(spec.default !== undefined && { default: spec.default }),
    ...(field.system && { readOnly: true }),
  };
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
