/** Filter operators of resources.md, the same everywhere: row filters, queries, triggers, purges. */
export const operators = [
  'eq',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'in',
  'not_in',
  'contains',
  'starts_with',
  'like',
  'is_null',
  'is_not_null',
  'between',
  'exists',
  'overlaps',
  'contains_all',
  'within_km',
] as const;

export type Operator = (typeof operators)[number];

export interface FieldCondition {
  readonly field: string;
  readonly op: Operator;
  readonly value?: unknown;
  /** JSON pointer into the caller's input, for errors; absent on conditions of our own making. */
  readonly pointer?: string;
}

/** `and: []` is true, `or: []` is false. */
export type Condition =
  | FieldCondition
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition };
