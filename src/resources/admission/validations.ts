import type { FieldType, SchemaDefinition, Validation } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse } from './finding.ts';

/** Types whose values compare with each other; those that are missing compare with nothing. */
const families: Partial<Record<FieldType, string>> = {
  integer: 'number',
  number: 'number',
  decimal: 'number',
  date: 'date',
  datetime: 'datetime',
  string: 'text',
  enum: 'text',
  uuid: 'uuid',
  boolean: 'boolean',
};

/** Booleans and UUIDs are equal or not; none comes before another. */
const unordered = ['boolean', 'uuid'];

/** A `compare` validation holds two of the record's own fields against each other. */
export function* schemaValidations({ spec }: SchemaDefinition): Iterable<Finding> {
  const types = new Map(spec.fields.map(({ name, type }) => [name, type]));
  for (const [i, validation] of (spec.validations ?? []).entries()) {
    if (validation.type !== 'compare') continue;
    const pointer = at('spec', 'validations', i);
    const missing = (['left', 'operator', 'right'] as const).filter(
      (member) => validation[member] === undefined,
    );
    if (missing.length > 0) {
      const message = `A compare validation needs ${missing.join(', ')}.`;
      const hint = 'Give left, operator and right: {left: ends, operator: gt, right: starts}.';
      yield refuse(`${pointer}/type`, 'validation', message, hint);
      continue;
    }
    yield* comparison(validation, types, pointer);
  }
}

function* comparison(
  { left, operator, right }: Validation,
  types: ReadonlyMap<string, FieldType>,
  pointer: string,
): Iterable<Finding> {
  const sides = [
    ['left', left!],
    ['right', right!],
  ] as const;
  let known = true;
  for (const [side, name] of sides) {
    if (types.has(name)) continue;
    known = false;
    const hint = `Compare two of the schema's own fields: ${quoted(types.keys())}.`;
    yield refuse(
      `${pointer}/${side}`,
      'validation',
      `"${name}" is not a field of this schema.`,
      hint,
    );
  }
  if (!known) return;
  if (left === right) {
    const message = `A validation compares "${left}" with itself.`;
    yield refuse(`${pointer}/right`, 'validation', message, 'Compare two different fields.');
    return;
  }
  const leftType = types.get(left!)!;
  const rightType = types.get(right!)!;
  const family = families[leftType];
  if (family === undefined || family !== families[rightType]) {
    const message = `"${left}" (${leftType}) and "${right}" (${rightType}) cannot be compared.`;
    const hint = 'Compare numbers with numbers, texts with texts, dates with dates.';
    yield refuse(`${pointer}/right`, 'validation', message, hint);
  } else if (unordered.includes(family) && operator !== 'eq' && operator !== 'neq') {
    const message = `${operator} means nothing for "${left}", a field of type ${leftType}.`;
    yield refuse(`${pointer}/operator`, 'validation', message, 'Use eq or neq.');
  }
}
