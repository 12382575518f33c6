import type { FieldMask } from '../../contract/kinds.ts';
import type { CompiledField } from '../../schema/compile.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { fieldJsonSchema } from '../../schema/json-schema.ts';

/** A field as callers read about it: what its values are, and what else may be done with it. */
export function fieldSchema(field: CompiledField): JsonSchema {
  return { ...fieldJsonSchema(field), ...notes(field) };
}

/** A field whose value this caller does not get. */
export function maskedSchema(mask: FieldMask): JsonSchema {
  const shown = {
    redact: '`***`',
    partial: '`***` and its last characters',
    hash: '`hmac-sha256:` and 64 hex digits, the same for equal values',
  };
  const description = `Masked: shown as ${shown[mask.strategy]}. Neither filterable nor sortable.`;
  return { type: ['string', 'null'], description };
}

/** The same where it is written: what is sent is a value, and what is left out stays as it is. */
export function writtenSchema(field: CompiledField, mask: FieldMask | undefined): JsonSchema {
  const schema = fieldSchema(field);
  if (mask === undefined) return schema;
  const said = typeof schema['description'] === 'string' ? [schema['description']] : [];
  const description = [...said, 'Shown masked; a change that leaves it out keeps it.'].join(' ');
  return { ...schema, description };
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
