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
