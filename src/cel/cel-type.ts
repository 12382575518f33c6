/**
 * The types of expressions. `decimal` is ours: CEL has none, and a double would round money. `json`
 * and `geopoint` are values that are passed on or absent, never looked into.
 */
export type CelScalar =
  | 'bool'
  | 'int'
  | 'double'
  | 'decimal'
  | 'string'
  | 'timestamp'
  | 'duration'
  | 'json'
  | 'geopoint';

/** `null` is the type of the literal alone: anything else says by `nullable` that it may be null. */
export type CelType = CelScalar | `list(${CelScalar})` | 'null';

/**
 * A value while it is evaluated: int is a bigint, double a number, timestamps and durations are
 * microseconds as bigint. `null` is CEL's null; `undefined` says that there is no value at all, which
 * is what CEL calls an error.
 */
export type CelValue = boolean | bigint | number | string | Decimal | readonly unknown[] | object;

/** `units` × 10^-`scale`, without zeros at the end. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

export const numericTypes: ReadonlySet<CelType> = new Set(['int', 'double', 'decimal']);

export function elementOf(type: CelType): CelScalar | undefined {
  return type.startsWith('list(') ? (type.slice(5, -1) as CelScalar) : undefined;
}

/** A list holds plain values: no list, no null. */
export function listOf(element: CelType): CelType | undefined {
  return element === 'null' || element.startsWith('list(')
    ? undefined
    : `list(${element as CelScalar})`;
}
