import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import { fieldsByName, orderedTypes } from './schema-fields.ts';

export function* schemaIndexes({ spec }: SchemaDefinition): Iterable<Finding> {
  const fields = fieldsByName(spec);
  const seen = new Map<string, number>();
  for (const [i, index] of (spec.indexes ?? []).entries()) {
    const named = new Set<string>();
    for (const [j, { name }] of index.fields.entries()) {
      const pointer = at('spec', 'indexes', i, 'fields', j, 'name');
      const field = fields.get(name);
      if (field === undefined) {
        const hint = `Fields are ${quoted(spec.fields.map((known) => known.name))}.`;
        yield refuse(
          pointer,
          'index-field',
          `Index ${i} is over field "${name}", which does not exist.`,
          hint,
        );
      } else if (!orderedTypes.includes(field.type)) {
        const message = `Index ${i} is over "${name}", and values of type ${field.type} have no order.`;
        const hint = `An index is over fields of type ${orderedTypes.join(', ')}.`;
        yield refuse(pointer, 'index-field', message, hint);
      }
      if (named.has(name)) {
        const message = `Index ${i} names "${name}" twice.`;
        yield refuse(pointer, 'index-field', message, 'Name each field once.');
      }
      named.add(name);
    }
    const shape = JSON.stringify(
      index.fields.map(({ name, direction }) => [name, direction ?? 'asc']),
    );
    const first = seen.get(shape);
    if (first === undefined) seen.set(shape, i);
    else yield warn(`Indexes ${first} and ${i} are over the same fields in the same order.`);
  }
}
