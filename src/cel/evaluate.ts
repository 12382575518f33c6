import { RE2JS } from 're2js';
import { attributeValue, isAttribute } from './attribute.ts';
import type { CelType, CelValue } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import { costMax } from './check.ts';
import { valueOfField } from './field-value.ts';
import { compareValues } from './functions/comparison.ts';
import type { CelNode, FieldOf, Fold } from './node.ts';

/**
 * Records by the name that the environment gave them, their fields as the API has them in JSON; the
 * attributes of the actor are `actor.attributes`.
 */
export type CelBindings = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

interface Evaluation {
  /**
   * The evaluation may be ended from outside at any moment: patterns are compiled for it alone, since
   * one that is used by others could be left half changed.
   */
  readonly mayEnd?: boolean;
}

/**
 * The value of an expression, `null` for CEL's null, or undefined where there is none: an operand is
 * null, a number leaves its range, a text does not convert. Only `true` lets anything pass.
 */
export function evaluateCel(
  { root }: CheckedCel,
  bindings: CelBindings,
  { mayEnd = false }: Evaluation = {},
): CelValue | null | undefined {
  const ownPatterns = mayEnd ? new Map<string, RE2JS>() : undefined;
  const scope = { bindings, variables: noVariables, ownPatterns, steps: { left: costMax } };
  return evaluate(root, scope) as CelValue | null | undefined;
}

const noVariables: ReadonlyMap<string, unknown> = new Map();

interface Scope {
  readonly bindings: CelBindings;
  readonly variables: ReadonlyMap<string, unknown>;
  /** Patterns of this evaluation alone; undefined: those that all share. */
  readonly ownPatterns: Map<string, RE2JS> | undefined;
  /** What the admission let through stays within `costMax`; a bound all the same. */
  readonly steps: { left: number };
}

function evaluate(node: CelNode, scope: Scope): unknown {
  if (--scope.steps.left < 0) return undefined;
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'field':
      return fieldValue(node, scope.bindings);
    case 'variable':
      return scope.variables.get(node.name);
    case 'has':
      return evaluate(node.operand, scope) !== (isAttribute(node.operand) ? undefined : null);
    case 'not': {
      const value = evaluate(node.operand, scope);
      return typeof value === 'boolean' ? !value : undefined;
    }
    case 'logic':
      return logic(node.operator === '||', node.args, scope);
    case 'equal': {
      const equal = equals(node.args, scope);
      return equal === undefined ? undefined : equal !== node.negated;
    }
    case 'choice': {
      const condition = evaluate(node.args[0], scope);
      if (typeof condition !== 'boolean') return undefined;
      return evaluate(node.args[condition ? 1 : 2], scope);
    }
    case 'matches': {
      const text = evaluate(node.text, scope);
      if (typeof text !== 'string') return undefined;
      const pattern = scope.ownPatterns === undefined ? node.compiled : ownPattern(node, scope);
      return pattern.matcher(text).find();
    }
    case 'in':
      return contains(node.item, node.list, scope);
    case 'list':
      return strict(node.elements, scope);
    case 'element': {
      const [list, index] = strict([node.list, node.index], scope) ?? [];
      return list === undefined ? undefined : (list as unknown[])[Number(index)];
    }
    case 'size': {
      const list = evaluate(node.list, scope) as unknown[] | null | undefined;
      return list === null || list === undefined ? undefined : BigInt(list.length);
    }
    case 'join': {
      const lists = strict(node.args, scope) as unknown[][] | undefined;
      return lists?.flat();
    }
    case 'call': {
      const args = strict(node.args, scope);
      return args === undefined ? undefined : node.overload.evaluate(...args);
    }
    case 'fold':
      return fold(node, scope);
  }
}

function ownPattern({ pattern }: { readonly pattern: string }, { ownPatterns }: Scope): RE2JS {
  const known = ownPatterns?.get(pattern) ?? RE2JS.compile(pattern);
  ownPatterns?.set(pattern, known);
  return known;
}

/** What a field holds, as its expression sees it. */
export function fieldValue(node: CelNode & FieldOf, bindings: CelBindings): unknown {
  const value = bindings[node.root]?.[node.field];
  return node.stored === 'attribute'
    ? attributeValue(node.type, value)
    : valueOfField(node.stored, value);
}

/** All values, or undefined as soon as one is missing. */
function strict(nodes: readonly CelNode[], scope: Scope): unknown[] | undefined {
  const values: unknown[] = [];
  for (const node of nodes) {
    const value = evaluate(node, scope);
    if (value === undefined || value === null) return undefined;
    values.push(value);
  }
  return values;
}

/** One side may decide alone, whatever the other is: false && error is false. */
function logic(decisive: boolean, [a, b]: readonly [CelNode, CelNode], scope: Scope): unknown {
  const left = evaluate(a, scope);
  if (left === decisive) return decisive;
  const right = evaluate(b, scope);
  if (right === decisive) return decisive;
  return typeof left === 'boolean' && typeof right === 'boolean' ? !decisive : undefined;
}

function equals([a, b]: readonly [CelNode, CelNode], scope: Scope): boolean | undefined {
  const left = evaluate(a, scope);
  const right = evaluate(b, scope);
  if (left === undefined || right === undefined) return undefined;
  if (left === null || right === null) return left === right;
  return same(a.type, left, b.type, right);
}

function same(leftType: CelType, left: unknown, rightType: CelType, right: unknown): boolean {
  if (!Array.isArray(left)) return compareValues(leftType, left, rightType, right) === 0;
  const element = leftType.slice(5, -1) as CelType;
  const other = right as readonly unknown[];
  return (
    left.length === other.length &&
    left.every((one, place) => compareValues(element, one, element, other[place]) === 0)
  );
}

function contains(item: CelNode, list: CelNode, scope: Scope): boolean | undefined {
  const value = evaluate(item, scope);
  const [items] = strict([list], scope) ?? [];
  if (value === undefined || items === undefined) return undefined;
  if (value === null) return false;
  return (items as unknown[]).some((one) => compareValues(item.type, value, item.type, one) === 0);
}

function fold(node: CelNode & Fold, scope: Scope): unknown {
  const { macro, variable, condition, value } = node;
  const [list] = strict([node.list], scope) ?? [];
  if (list === undefined) return undefined;
  const made: unknown[] = [];
  let found = 0;
  let unknown = false;
  const variables = new Map(scope.variables);
  const inner = { ...scope, variables };
  for (const item of list as unknown[]) {
    variables.set(variable, item);
    const holds = condition === undefined ? true : evaluate(condition, inner);
    if (macro === 'all' && holds === false) return false;
    if (macro === 'exists' && holds === true) return true;
    if (typeof holds !== 'boolean') unknown = true;
    if (holds !== true) continue;
    found++;
    if (value === undefined) continue;
    const one = evaluate(value, inner);
    if (one === undefined || one === null) return undefined;
    made.push(one);
  }
  if (unknown) return undefined;
  if (macro === 'map') return made;
  return macro === 'exists_one' ? found === 1 : macro === 'all';
}
