import type { CelBindings } from '../cel/evaluate.ts';
import { fieldValue } from '../cel/evaluate.ts';
import type { CelNode, FieldOf } from '../cel/node.ts';
import { sqlParameter } from '../cel/sql-value.ts';

/** What the caller is for the schema of this path: roles and attributes differ from one to the next. */
export type CallerAt = (path: string) => CelBindings;

/** A parameter whose value each caller brings: a statement is compiled once for all of them. */
export class CallerValue {
  readonly #path: string;
  readonly #field: CelNode & FieldOf;

  constructor(path: string, field: CelNode & FieldOf) {
    this.#path = path;
    this.#field = field;
  }

  of(callerAt: CallerAt): unknown {
    return sqlParameter(this.#field.type, fieldValue(this.#field, callerAt(this.#path)));
  }

  /** What pg asks a parameter for: one without its caller must never reach the database. */
  toPostgres(): never {
    throw new Error('a statement with policies was sent without its caller');
  }
}

export function withCaller<T extends { readonly values: readonly unknown[] }>(
  statement: T,
  callerAt: CallerAt,
): T {
  if (!statement.values.some((value) => value instanceof CallerValue)) return statement;
  const values = statement.values.map((value) =>
    value instanceof CallerValue ? value.of(callerAt) : value,
  );
  return { ...statement, values };
}
