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
  const name = `${operation}.${shapeHash(`${schema.statementPrefix}\n${text}`)}`;
  return { name, text, values: parameters.values };
}

/** The shape of a statement, which is its text without values, in 96 bits. */
export function shapeHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
