import type { CelType, CelValue } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import { costMax } from './check.ts';
import { valueOfField } from './field-value.ts';
import { compareValues } from './functions/comparison.ts';
import type { CelNode, Fold } from './node.ts';

/** Records by the name that the environment gave them, their fields as the API has them in JSON. */
export type CelBindings = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/**
 * Asked at every step; once it answers false there is no value. What the admission let through stays
 * within `costMax` steps; who evaluates for strangers also looks at a clock here.
 */
export type MayGoOn = () => boolean;

/**
 * The value of an expression, `null` for CEL's null, or undefined where there is none: an operand is
 * null, a number leaves its range, a text does not convert. Only `true` lets anything pass.
 */
export function evaluateCel(
  { root }: CheckedCel,
  bindings: CelBindings,
  mayGoOn: MayGoOn = stepsUpTo(costMax),
): CelValue | null | undefined {
  return evaluate(root, { bindings, variables: new Map(), mayGoOn }) as CelValue | null | undefined;
}

function stepsUpTo(limit: number): MayGoOn {
  let steps = 0;
  return () => ++steps <= limit;
}

interface Scope {
  readonly bindings: CelBindings;
  readonly variables: ReadonlyMap<string, unknown>;
  readonly mayGoOn: MayGoOn;
}

function evaluate(node: CelNode, scope: Scope): unknown {
  if (!scope.mayGoOn()) return undefined;
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'field':
      return valueOfField(node.stored, scope.bindings[node.root]?.[node.field]);
    case 'variable':
      return scope.variables.get(node.name);
    case 'has':
      return evaluate(node.operand, scope) !== null;
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
      return typeof text === 'string' ? node.compiled.matcher(text).find() : undefined;
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
  for (const item of list as unknown[]) {
    const inner = { ...scope, variables: new Map([...scope.variables, [variable, item]]) };
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
