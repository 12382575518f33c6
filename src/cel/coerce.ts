import { attributeMayBe, isAttribute } from './attribute.ts';
import type { CelType } from './cel-type.ts';
import { decimalOfDouble } from './decimal.ts';
import type { CelNode } from './node.ts';

/**
 * A number literal as a literal of another numeric type, where that changes nothing about it: CEL
 * cannot write decimals, and `price > 10` means the same for every type of price. An attribute of the
 * caller is what is asked of it.
 */
export function coerce(node: CelNode, type: CelType): CelNode {
  if (isAttribute(node)) return attributeMayBe(type) ? { ...node, type } : node;
  if (node.kind !== 'literal' || node.type === type) return node;
  const value = literalAs(node, type);
  return value === undefined ? node : { ...node, type, value };
}

function literalAs({ type, value }: { type: CelType; value: unknown }, wanted: CelType): unknown {
  if (type === 'int') {
    const int = value as bigint;
    if (wanted === 'decimal') return { units: int, scale: 0 };
    return wanted === 'double' && BigInt(Number(int)) === int ? Number(int) : undefined;
  }
  if (type !== 'double') return undefined;
  const double = value as number;
  if (wanted === 'decimal') return decimalOfDouble(double);
  return wanted === 'int' && Number.isSafeInteger(double) ? BigInt(double) : undefined;
}
