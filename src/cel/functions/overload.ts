import type { CelType } from '../cel-type.ts';

/**
 * One meaning of a function or an operator: what it takes and gives, how it is evaluated and how SQL
 * says the same. Neither ever fails: where there is no value (an overflow, a division by zero),
 * `evaluate` answers undefined and the SQL is NULL. An argument is never null; its SQL may be, and
 * then the SQL is NULL as well.
 */
export interface Overload {
  /** As CEL's parser calls it: `_+_`, `size`. */
  readonly name: string;
  readonly params: readonly CelType[];
  readonly result: CelType;
  /** `a.f(b)`, `f(a, b)` or either. */
  readonly style: 'operator' | 'method' | 'function' | 'both';
  /** Whether it gives a value for all arguments. */
  readonly total: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the types of `params` say what they are
  readonly evaluate: (...args: any[]) => unknown;
  /** Undefined: it cannot be said in SQL so that both always agree. */
  readonly sql: ((...args: string[]) => string) | undefined;
}

/** An infix operator over two values of one type. */
export function infix(
  name: string,
  params: readonly [CelType, CelType],
  result: CelType,
  rest: Pick<Overload, 'evaluate' | 'sql' | 'total'>,
): Overload {
  return { name: `_${name}_`, params, result, style: 'operator', ...rest };
}
