import type { SchemaDefinition } from '../../contract/kinds.ts';
import { checkValue } from './field-values.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';

/** A default is a value that the field itself would accept. */
export function* fieldDefaults({ spec }: SchemaDefinition): Iterable<Finding> {
  for (const [i, field] of spec.fields.entries()) {
    if (field.default === undefined) continue;
    const pointer = at('spec', 'fields', i, 'default');
    if (field.default === null) {
      if (field.required !== true) continue;
      const message = `The default of "${field.name}" is null, but the field is required.`;
      yield refuse(pointer, 'default', message, 'Give a value, or remove the default.');
      continue;
    }
    const problem = checkValue(field, field.default);
    if (problem !== undefined) {
      const message = `The default ${JSON.stringify(field.default)} of "${field.name}" ${problem.message}.`;
      yield refuse(pointer, 'default', message, problem.hint);
    }
    if (field.unique === true) {
      yield warn(`Field "${field.name}" is unique and has a default: only one record can use it.`);
    }
  }
}
