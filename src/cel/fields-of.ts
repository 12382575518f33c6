import type { CheckedCel } from './check.ts';
import type { CelNode } from './node.ts';
import { childrenOf } from './node.ts';

/** The fields of a record that an expression looks at, in the order that it names them. */
export function fieldsOf({ root }: CheckedCel, record = 'self'): readonly string[] {
  const found = new Set<string>();
  const visit = (node: CelNode): void => {
    if (node.kind === 'field' && node.root === record) found.add(node.field);
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return [...found];
}

/** Fields that may be null where a null leaves an operator or a function without a value. */
export function exposedFields({ root }: CheckedCel): readonly string[] {
  const found = new Set<string>();
  const visit = (node: CelNode): void => {
    for (const child of operandsOf(node)) {
      if (child.kind === 'field' && child.nullable) found.add(child.field);
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
