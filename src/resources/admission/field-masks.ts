import type { Field, FieldMask, FieldType, SchemaDefinition } from '../../contract/kinds.ts';
import { validationSource } from '../../schema/validation-rule.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';

/**
 * Types of which a hash tells nothing but equality: of a boolean or an enum it tells the value to
 * anybody who knows that of one record.
 */
const hashable: readonly FieldType[] = [
  ...(['string', 'integer', 'number', 'decimal', 'date', 'datetime', 'uuid'] as const),
];

type MaskedField = Field & { readonly mask: FieldMask };

/** A mask that would not hide is refused: one that cannot work, and one with a way round it. */
export function* fieldMasks(schema: SchemaDefinition): Iterable<Finding> {
  const { spec } = schema;
  for (const [i, field] of spec.fields.entries()) {
    if (!isMasked(field)) continue;
    const pointer = at('spec', 'fields', i, 'mask');
    yield* fitting(field, pointer);
    yield* filteredBy(field, schema, pointer);
    yield* probedBy(field, schema);
  }
}

function isMasked(field: Field): field is MaskedField {
  return field.mask !== undefined;
}

function* fitting({ name, type, mask }: MaskedField, pointer: string): Iterable<Finding> {
  const { strategy, keepLast } = mask;
  const named = `${pointer}/strategy`;
  if (type === 'ref') {
    const message = `"${name}" is a reference, which cannot be masked: including it would show it.`;
    const hint = 'Restrict who reads it: access: {read: [role]}.';
    yield refuse(named, 'mask', message, hint);
  } else if (strategy === 'partial' && type !== 'string') {
    const message = `partial fits text, and "${name}" is of type ${type}.`;
    yield refuse(named, 'mask', message, 'Use redact or hash.');
  } else if (strategy === 'hash' && !hashable.includes(type)) {
    const message = `A hash of "${name}", of type ${type}, would tell its value or nothing.`;
    yield refuse(named, 'mask', message, `Use redact; hash fits ${quoted(hashable)}.`);
  }
  if (keepLast !== undefined && strategy !== 'partial') {
    const message = `keepLast says nothing to ${strategy}.`;
    yield refuse(`${pointer}/keepLast`, 'mask', message, 'Remove it, or use partial.');
  }
}

/** Which rows somebody sees tells what their key holds. */
function* filteredBy(
  { name }: MaskedField,
  { spec }: SchemaDefinition,
  pointer: string,
): Iterable<Finding> {
  const filter = (spec.access.rowFilter ?? []).find((one) => one.filter.field === name);
  if (filter === undefined) return;
  const message = `"${name}" is masked, and the row filter of role "${filter.role}" shows rows by it.`;
  yield refuse(pointer, 'mask', message, 'Filter rows by another field, or remove the mask.');
}

/** What it holds can be closed in on by writing fields that a rule holds against it. */
function* probedBy(field: MaskedField, { spec }: SchemaDefinition): Iterable<Finding> {
  const { name } = field;
  const named = new RegExp(`\\bself\\.${name}\\b`);
  const compared = (spec.validations ?? []).some((rule) => named.test(validationSource(rule)));
  if (!compared) return;
  yield warn(
    `A validation looks at "${name}", which is masked: whoever writes the fields that it is held ` +
      'against can find out by trying. Restrict who writes them.',
  );
}
