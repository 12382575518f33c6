import type { Field, FieldType, SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import { orderedTypes } from './schema-fields.ts';

const numbers: readonly FieldType[] = ['integer', 'number', 'decimal', 'integer[]'];
const texts: readonly FieldType[] = ['string', 'string[]'];
const searchable: readonly FieldType[] = ['string', 'string[]', 'enum'];

/** Members of a field that mean something for some types only. */
const meaningful: readonly (readonly [member: keyof Field, types: readonly FieldType[]])[] = [
  ['min', numbers],
  ['max', numbers],
  ['maxLength', texts],
  ['pattern', texts],
  ['precision', ['decimal']],
  ['scale', ['decimal']],
  ['enumValues', ['enum']],
  ['ref', ['ref']],
  ['unique', orderedTypes],
  ['sortable', orderedTypes],
  ['searchable', searchable],
];

/** Type and constraints of a field fit each other. */
export function* fieldConstraints({ spec }: SchemaDefinition): Iterable<Finding> {
  for (const [i, field] of spec.fields.entries()) {
    const pointer = at('spec', 'fields', i);
    yield* meaninglessMembers(field, pointer);
    yield* incompleteType(field, pointer);
    yield* numericBounds(field, pointer);
    yield* decimalDigits(field, pointer);
    yield* enumValues(field, pointer);
    yield* searchMembers(field);
  }
}

function* meaninglessMembers(field: Field, pointer: string): Iterable<Finding> {
  for (const [member, types] of meaningful) {
    const value = field[member];
    if (value === undefined || value === false || types.includes(field.type)) continue;
    const message = `${member} means nothing for "${field.name}", a field of type ${field.type}.`;
    const hint = `Remove it; ${member} is for fields of type ${types.join(', ')}.`;
    yield refuse(`${pointer}/${member}`, 'constraint-type', message, hint);
  }
}

function* incompleteType(field: Field, pointer: string): Iterable<Finding> {
  if (field.type === 'enum' && (field.enumValues ?? []).length === 0) {
    const message = `Enum "${field.name}" has no values.`;
    const hint = 'List what it may be: enumValues: [open, closed].';
    yield refuse(`${pointer}/type`, 'enum-values', message, hint);
  }
  if (field.type === 'ref' && field.ref === undefined) {
    const message = `"${field.name}" is a reference but does not say to what.`;
    const hint = 'Add ref: {org, app, domain, object, version}.';
    yield refuse(`${pointer}/type`, 'ref-target', message, hint);
  }
}

function* numericBounds(field: Field, pointer: string): Iterable<Finding> {
  const { min, max } = field;
  if (min !== undefined && max !== undefined && min > max) {
    const message = `min ${min} of "${field.name}" is above its max ${max}: no value fits.`;
    yield refuse(`${pointer}/min`, 'min-max', message, `Make min at most ${max}.`);
  }
  if (field.type !== 'integer' && field.type !== 'integer[]') return;
  for (const member of ['min', 'max'] as const) {
    const bound = field[member];
    if (bound === undefined || Number.isSafeInteger(bound)) continue;
    const message = `${member} ${bound} of "${field.name}" is not an integer below 2^53.`;
    const hint = 'Give a whole number, or leave the bound out.';
    yield refuse(`${pointer}/${member}`, 'min-max', message, hint);
  }
}

function* decimalDigits(field: Field, pointer: string): Iterable<Finding> {
  const { precision, scale } = field;
  if (field.type !== 'decimal' || scale === undefined) return;
  if (precision === undefined) {
    const message = `"${field.name}" has a scale but no precision.`;
    const hint = `Add precision, the number of digits in all: precision: ${scale + 10}.`;
    yield refuse(`${pointer}/scale`, 'precision-scale', message, hint);
  } else if (scale > precision) {
    const message = `scale ${scale} of "${field.name}" exceeds its precision ${precision}.`;
    const hint = 'precision counts all digits, scale those after the point.';
    yield refuse(`${pointer}/scale`, 'precision-scale', message, hint);
  }
}

function* enumValues(field: Field, pointer: string): Iterable<Finding> {
  const values = field.enumValues ?? [];
  const repeated = values.filter((value, i) => values.indexOf(value) !== i);
  if (repeated.length === 0) return;
  const message = `Enum "${field.name}" lists ${quoted(new Set(repeated))} more than once.`;
  yield refuse(`${pointer}/enumValues`, 'enum-values', message, 'List each value once.');
}

function* searchMembers(field: Field): Iterable<Finding> {
  if (field.searchable === true) return;
  for (const member of ['ftsWeight', 'language'] as const) {
    if (field[member] === undefined) continue;
    yield warn(`${member} of field "${field.name}" has no effect: the field is not searchable.`);
  }
}
