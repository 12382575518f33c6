import type { CelScalar, CelType, Decimal } from '../cel-type.ts';
import { numericTypes } from '../cel-type.ts';
import { compareDecimal, decimalOfDouble } from '../decimal.ts';
import type { Overload } from './overload.ts';
import { infix } from './overload.ts';

const orders: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const ordered: readonly CelScalar[] = [
  ...(['bool', 'int', 'double', 'decimal', 'string', 'timestamp', 'duration'] as const),
];

/** Pairs of types that compare: one with itself, and numbers with numbers by what they are. */
export function comparable(a: CelType, b: CelType): boolean {
  return a === b || (numericTypes.has(a) && numericTypes.has(b));
}

export const comparisons: readonly Overload[] = Object.entries(orders).flatMap(([name, holds]) =>
  ordered.flatMap((left) =>
    ordered
      .filter((right) => comparable(left, right))
      .map((right) =>
        infix(name, [left, right], 'bool', {
          evaluate: (a, b) => holds(compareValues(left, a, right, b)),
          sql: (a, b) => {
            const [x, y] = comparedSql(left, a, right, b);
            return left === 'string'
              ? `(${x} collate "C" ${name} ${y} collate "C")`
              : `(${x} ${name} ${y})`;
          },
          total: true,
        }),
      ),
  ),
);

/** Negative, zero or positive. Texts are ordered by code points, which is COLLATE "C" in UTF-8. */
export function compareValues(left: CelType, a: unknown, right: CelType, b: unknown): number {
  if (left !== right) return compareDecimal(asDecimal(left, a), asDecimal(right, b));
  if (left === 'decimal') return compareDecimal(a as Decimal, b as Decimal);
  if (left === 'string') return compareText(a as string, b as string);
  return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
}

/** Both sides as SQL of one type. */
export function comparedSql(
  left: CelType,
  a: string,
  right: CelType,
  b: string,
): readonly [string, string] {
  if (left !== right) return [numericSql(left, a), numericSql(right, b)];
  return [a, b];
}

function asDecimal(type: CelType, value: unknown): Decimal {
  if (type === 'int') return { units: value as bigint, scale: 0 };
  if (type === 'double') return decimalOfDouble(value as number);
  return value as Decimal;
}

function numericSql(type: CelType, value: string): string {
  if (type === 'decimal') return value;
  return type === 'double' ? `platform.cel_decimal(${value})` : `${value}::numeric`;
}

/** UTF-16 puts surrogates before U+E000, code points the other way round. */
export function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
