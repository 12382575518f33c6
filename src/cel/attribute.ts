import type { CelType } from './cel-type.ts';
import { elementOf } from './cel-type.ts';
import { parseDecimal } from './decimal.ts';
import { parseInstant } from './instant.ts';
import type { CelNode, FieldOf } from './node.ts';

/** `actor.attributes.region`: whether it is there, and what, nobody knows before somebody calls. */
export function isAttribute(node: CelNode): node is CelNode & FieldOf {
  return node.kind === 'field' && node.stored === 'attribute';
}

/** Whether an attribute may be read as this type. */
export function attributeMayBe(type: CelType): boolean {
  return readers[elementOf(type) ?? type] !== undefined;
}

/**
 * An attribute as the type that stands beside it. One value and a list of it are the same, since
 * several bindings may each bring one. What is absent or does not fit has no value, and not null: a
 * record without a region is not that of a caller without one.
 */
export function attributeValue(type: CelType, given: unknown): unknown {
  const element = elementOf(type);
  const read = readers[element ?? type];
  if (given === undefined || given === null || read === undefined) return undefined;
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  const values = items.map((item) => read(item));
  if (values.includes(undefined)) return undefined;
  if (element !== undefined) return values;
  return values.length === 1 ? values[0] : undefined;
}

const readers: Readonly<Record<string, (value: unknown) => unknown>> = {
  string: (value) => {
    const isPlain = typeof value === 'number' || typeof value === 'boolean';
    const text = isPlain ? String(value) : value;
    return typeof text === 'string' && text.isWellFormed() && !text.includes('\0')
      ? text
      : undefined;
  },
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  int: (value) => {
    const text = numberText(value);
    const int = /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
    return int !== undefined && BigInt.asIntN(64, int) === int ? int : undefined;
  },
  double: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
  decimal: (value) => parseDecimal(numberText(value)),
  timestamp: (value) => (typeof value === 'string' ? parseInstant(value) : undefined),
};

function numberText(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : '';
}
