import type { Access } from '../../auth/access.ts';
import { shapeHash } from '../../query/compiled-statement.ts';
import type { CompiledSchema } from '../../schema/compile.ts';

/** A statement without its values. */
export interface StatementShape {
  readonly name: string;
  readonly text: string;
}

/**
 * Statements by who writes and what the write looks like, so that a request only fills in its
 * values: building and hashing the text of an insert took 25 µs. They go when the access does,
 * which is at the latest when the registry changes.
 */
const shapes = new WeakMap<Access, Map<string, StatementShape>>();
/** Shapes kept of one access: an update has one for each set of fields that changes. */
const shapesMax = 500;

/** `key` must say everything that `write` looks at but the access and its schema. */
export function statementShape(
  of: { readonly access: Access; readonly schema: CompiledSchema },
  operation: string,
  key: string,
  write: () => string,
): StatementShape {
  let known = shapes.get(of.access);
  if (known === undefined) {
    known = new Map();
    shapes.set(of.access, known);
  }
  const id = `${operation}\n${key}`;
  const hit = known.get(id);
  if (hit !== undefined) return hit;
  const text = write();
  const name = `${operation}.${shapeHash(`${of.schema.statementPrefix}\n${text}`)}`;
  const shape = { name, text };
  if (known.size >= shapesMax) known.clear();
  known.set(id, shape);
  return shape;
}
