import type { CelType } from './cel-type.ts';
import { elementOf } from './cel-type.ts';
import type { CelNode, NodeForm } from './node.ts';
import { childrenOf, listItemsMax } from './node.ts';

/** A node with what the bounds ask of it: how deep it is, how long it may take, how much it may hold. */
export function madeNode(form: NodeForm, type: CelType, nullable: boolean): CelNode {
  const node = { ...form, type, nullable, depth: 0, height: 0, cost: 1, texts: 0 } as CelNode;
  const children = childrenOf(node);
  const height = 1 + children.reduce((highest, child) => Math.max(highest, child.height), 0);
  const depth = children.reduce(
    (deepest, child) => Math.max(deepest, child.depth + (chains(node, child) ? 0 : 1)),
    0,
  );
  const rounds = form.kind === 'fold' ? listItemsMax : 1;
  const cost = children.reduce(
    (sum, child, place) => sum + child.cost * (place === 0 ? 1 : rounds),
    1,
  );
  return { ...node, depth, height, cost, texts: textsOf(node) };
}

/** A field is as long as a request; what is put together of several is as long as all of them. */
function textsOf(node: CelNode): number {
  if (node.kind === 'field' || node.kind === 'variable' || node.kind === 'element') return 1;
  const texts = childrenOf(node).map((child) => child.texts);
  const makes = node.kind === 'join' || node.kind === 'list' || node.kind === 'call';
  const isSum = makes && (node.type === 'string' || elementOf(node.type) !== undefined);
  return isSum ? texts.reduce((sum, one) => sum + one, 0) : Math.max(0, ...texts);
}

/** `a && b && c`, `a + b + c`: one level, however long. */
function chains(node: CelNode, child: CelNode): boolean {
  if (node.kind === 'logic') return child.kind === 'logic' && child.operator === node.operator;
  if (node.kind === 'choice') return child.kind === 'choice' && child === node.args[2];
  if (node.kind === 'join') return child.kind === 'join' && child === node.args[0];
  if (node.kind !== 'call' || child.kind !== 'call' || node.args.length !== 2) return false;
  return (
    child === node.args[0] && child.overload === node.overload && node.overload.style === 'operator'
  );
}
