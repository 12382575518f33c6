import type { CompiledField } from '../../schema/compile.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { fieldJsonSchema } from '../../schema/json-schema.ts';

/** A field as callers read about it: what its values are, and what else may be done with it. */
export function fieldSchema(field: CompiledField): JsonSchema {
  return { ...fieldJsonSchema(field), ...notes(field) };
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
