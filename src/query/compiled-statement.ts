import { createHash } from 'node:crypto';
import type { CompiledSchema } from '../schema/compile.ts';
import type { Parameters } from './parameters.ts';

/** What the store runs: `name` makes it a prepared statement. */
export interface CompiledStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * A statement under a name that all statements of its shape share, and no others. Postgres looks
 * at no more than the first 63 bytes of such a name, so the schema's path and revision go into the
 * hash: two long paths would otherwise run each other's statements.
 */
export function nameStatement(
  parts: { readonly schema: CompiledSchema; readonly operation: string; readonly text: string },
  parameters: Parameters,
): CompiledStatement & { readonly name: string } {
  const { schema, operation, text } = parts;
  return { name: nameOf(schema, operation, text), text, values: parameters.values };
}

/** Names by text: hashing a list's text took 5 µs of the 60 that planning and compiling it take. */
const names = new WeakMap<CompiledSchema, Map<string, string>>();
/** Shapes remembered of a schema; a caller makes as many as it likes by its filters. */
const namesMax = 500;

function nameOf(schema: CompiledSchema, operation: string, text: string): string {
  let known = names.get(schema);
  if (known === undefined) {
    known = new Map();
    names.set(schema, known);
  }
  // One text belongs to one operation: a list and a count never read the same.
  const hit = known.get(text);
  if (hit !== undefined) return hit;
  const name = `${operation}.${shapeHash(`${schema.statementPrefix}\n${text}`)}`;
  if (known.size >= namesMax) known.clear();
  known.set(text, name);
  return name;
}

/** The shape of a statement, which is its text without values, in 96 bits. */
export function shapeHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
