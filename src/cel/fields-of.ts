import type { CheckedCel } from './check.ts';
import type { CelNode, FieldOf } from './node.ts';
import { childrenOf } from './node.ts';

/** The fields of a record that an expression looks at, in the order that it names them. */
export function fieldsOf(cel: CheckedCel, record = 'self'): readonly string[] {
  const fields = nodesOf(cel).filter((node) => node.kind === 'field' && node.root === record);
  return [...new Set(fields.map((node) => (node as FieldOf).field))];
}

/** Everything that it looks at: `self`, `old`, `actor`. */
export function rootsOf(cel: CheckedCel): readonly string[] {
  const fields = nodesOf(cel).filter((node) => node.kind === 'field');
  return [...new Set(fields.map(({ root }) => root))];
}

export function macrosOf(cel: CheckedCel): readonly CelNode[] {
  return nodesOf(cel).filter(({ kind }) => kind === 'fold');
}

function nodesOf({ root }: CheckedCel): readonly CelNode[] {
  const nodes: CelNode[] = [];
  const visit = (node: CelNode): void => {
    nodes.push(node);
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return nodes;
}

/** Fields that may be null where a null leaves an operator or a function without a value. */
export function exposedFields({ root }: CheckedCel): readonly string[] {
  const found = new Set<string>();
  const visit = (node: CelNode): void => {
    for (const child of operandsOf(node)) {
      if (child.kind === 'field' && child.root === 'self' && child.nullable) found.add(child.field);
    }
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return [...found];
}

/** Children that must not be null. */
function operandsOf(node: CelNode): readonly CelNode[] {
  switch (node.kind) {
    case 'has':
    case 'equal':
      return [];
    case 'in':
      return [node.list];
    case 'choice':
      return [node.args[0]];
    case 'fold':
      return [node.list];
    default:
      return childrenOf(node);
  }
}
