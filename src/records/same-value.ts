import { isDeepStrictEqual } from 'node:util';
import type { CompiledField } from '../schema/compile.ts';
import { compareInstants } from './exact-instant.ts';
import { compareDecimals, plainDecimal } from './exact-number.ts';

/**
 * Whether two JSON values are one value of the field, however each is spelt: 1.5 and "1.50" are.
 * A value of a wrong type is like no other; validation says what is wrong with it.
 */
export function sameFieldValue(field: CompiledField, a: unknown, b: unknown): boolean {
  const [left, right] = [a ?? null, b ?? null];
  if (left === null || right === null) return left === right;
  switch (field.type) {
    case 'integer':
    case 'number':
    case 'decimal':
      return sameNumber(left, right);
    case 'datetime':
      return compareInstants(String(left), String(right)) === 0;
    case 'uuid':
      return sameText(left, right);
    case 'ref':
      return field.columnType === 'uuid' ? sameText(left, right) : String(left) === String(right);
    case 'integer[]':
      return isDeepStrictEqual(texts(left), texts(right));
    default:
      return isDeepStrictEqual(left, right);
  }
}

function sameNumber(a: unknown, b: unknown): boolean {
  const [left, right] = [plainDecimal(String(a)), plainDecimal(String(b))];
  const plain = /^-?\d+(\.\d+)?$/;
  return plain.test(left) && plain.test(right) && compareDecimals(left, right) === 0;
}

function texts(list: unknown): unknown {
  return Array.isArray(list) ? list.map(String) : list;
}

function sameText(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase();
}
