import type { CelType } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import { coerce } from './coerce.ts';
import { overloads } from './functions/catalogue.ts';
import type { CelNode } from './node.ts';

/** Numbers become what holds them all the same; anything else is for the author to convert. */
const widened: Partial<Record<CelType, readonly CelType[]>> = {
  int: ['double', 'decimal'],
  double: ['decimal'],
};

/** An expression whose value is to be of a type, or undefined where it is of another. */
export function convertCel(cel: CheckedCel, type: CelType): CheckedCel | undefined {
  if (cel.type === type) return cel;
  const root = coerce(cel.root, type);
  if (root.type === type) return { ...cel, type, root };
  const overload = overloads
    .get(type)
    ?.find(({ params }) => params[0] === cel.type && widened[cel.type]?.includes(type) === true);
  if (overload === undefined) return undefined;
  const { depth, height, cost, texts } = root;
  const facts = { type, depth, height, cost, texts, nullable: false };
  const call: CelNode = { kind: 'call', overload, args: [root], ...facts };
  if (!cel.nullable) return { ...cel, type, root: call };
  // A null stays one, which is no argument that a conversion takes.
  const given: CelNode = { kind: 'has', operand: root, ...facts, type: 'bool' };
  const none: CelNode = { kind: 'literal', value: null, ...facts, type: 'null', nullable: true };
  const choice: CelNode = { kind: 'choice', args: [given, call, none], ...facts, nullable: true };
  return { ...cel, type, root: choice };
}
