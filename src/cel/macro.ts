import type { Fold } from './node.ts';
import type { ParsedNode } from './parse.ts';

interface Macro {
  readonly name: Fold['macro'];
  readonly list: ParsedNode;
  readonly variable: string;
  readonly condition: ParsedNode | undefined;
  readonly value: ParsedNode | undefined;
}

/**
 * The macro that a comprehension was: the parser has expanded it, always in the same way
 * (cel-spec, doc/langdef.md, "Macros").
 */
export function macroOf(node: ParsedNode): Macro | undefined {
  const { exprKind } = node ?? {};
  if (exprKind?.case !== 'comprehensionExpr') return undefined;
  const { iterRange: list, iterVar: variable, iterVar2, loopStep } = exprKind.value;
  const step = callOf(loopStep);
  if (step === undefined || list === undefined || iterVar2 !== '') return undefined;
  const common = { list, variable };
  const [first, second, third] = step.args;
  switch (step.function) {
    case '_&&_':
      return { ...common, name: 'all', condition: second, value: undefined };
    case '_||_':
      return { ...common, name: 'exists', condition: second, value: undefined };
    case '_+_':
      return { ...common, name: 'map', condition: undefined, value: addedOf(step) };
    case '_?_:_': {
      const then = callOf(second);
      if (then === undefined || third === undefined) return undefined;
      const added = addedOf(then);
      return added === undefined
        ? { ...common, name: 'exists_one', condition: first, value: undefined }
        : { ...common, name: 'map', condition: first, value: added };
    }
    default:
      return undefined;
  }
}

type Call = { readonly function: string; readonly args: readonly ParsedNode[] };

function callOf(node: ParsedNode): Call | undefined {
  return node?.exprKind.case === 'callExpr' ? (node.exprKind.value as Call) : undefined;
}

/** `x` of `@result + [x]`. */
function addedOf({ args }: Call): ParsedNode | undefined {
  const list = args[1]?.exprKind;
  return list?.case === 'listExpr' ? list.value.elements[0] : undefined;
}
