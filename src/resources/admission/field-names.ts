import type { SchemaDefinition } from '../../contract/kinds.ts';
import { systemColumns } from '../../contract/names.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse } from './finding.ts';

/** Columns that every Postgres table has; no other may be called so. */
const postgresColumns = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'];

/** Members that the API refuses in every body, since they reach an object's prototype. */
const refusedMembers = ['constructor', 'prototype'];

const reserved: ReadonlyMap<string, string> = new Map([
  ...systemColumns.map((name) => [name, 'every record has a system column of this name'] as const),
  ...postgresColumns.map((name) => [name, 'Postgres has a system column of this name'] as const),
  ...refusedMembers.map((name) => [name, 'the API refuses members of this name'] as const),
]);

export function* fieldNames({ spec }: SchemaDefinition): Iterable<Finding> {
  const seen = new Map<string, number>();
  for (const [i, { name }] of spec.fields.entries()) {
    const pointer = at('spec', 'fields', i, 'name');
    const why = reserved.get(name);
    if (why !== undefined) {
      const hint = `Choose another name. Reserved are ${quoted(reserved.keys())}.`;
      yield refuse(pointer, 'reserved-field', `"${name}" is reserved: ${why}.`, hint);
    }
    const first = seen.get(name);
    if (first !== undefined) {
      const hint = 'Give each field a name of its own.';
      yield refuse(
        pointer,
        'duplicate-field',
        `Fields ${first} and ${i} are both "${name}".`,
        hint,
      );
    } else seen.set(name, i);
  }
}
