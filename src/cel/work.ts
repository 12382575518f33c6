import { elementOf } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import type { CelBindings } from './evaluate.ts';
import type { CelNode } from './node.ts';
import { childrenOf, listItemsMax } from './node.ts';

/** What the time of an evaluation grows with, found once for each expression. */
interface Work {
  /** Steps with lists as short as they can be, and what each item of a list adds. */
  readonly steps: number;
  readonly stepsPerItem: number;
  /** Steps that each character of a text may take. */
  readonly stepsPerCharacter: number;
  /** Fields whose values may be long. */
  readonly long: readonly { readonly root: string; readonly field: string }[];
}

/** Each instruction of a pattern may look at each character; a comparison goes through them faster. */
const patternSteps = 1;
const textSteps = 1 / 20;

/**
 * Steps that may be taken where nobody can stop them, some 0.2 ms: an expression without macros and
 * long texts stays far below.
 */
const stepsMax = 4_000;

/** Whether an evaluation over these values may take so long that it has to be one that can be stopped. */
export function mayTakeLong(cel: CheckedCel, bindings: CelBindings): boolean {
  const { steps, stepsPerItem, stepsPerCharacter, long } = workOf(cel);
  if (long.length === 0) return false;
  let items = 0;
  let characters = 0;
  for (const { root, field } of long) {
    const value = bindings[root]?.[field];
    if (typeof value === 'string') characters += value.length;
    else if (Array.isArray(value)) {
      items += value.length;
      for (const item of value) if (typeof item === 'string') characters += item.length;
    }
  }
  // A macro may go through a text once for each item, and put texts together on the way.
  const rounds = stepsPerItem === 0 ? 1 : Math.max(1, items);
  const perText = stepsPerCharacter * characters * rounds;
  return steps + stepsPerItem * items + perText > stepsMax;
}

const works = new WeakMap<CheckedCel, Work>();

function workOf(cel: CheckedCel): Work {
  let work = works.get(cel);
  if (work === undefined) {
    work = measure(cel.root);
    works.set(cel, work);
  }
  return work;
}

function measure(root: CelNode): Work {
  const long = new Map<string, { root: string; field: string }>();
  let stepsPerCharacter = 0;
  let folds = false;
  const visit = (node: CelNode): void => {
    const isList = elementOf(node.type) !== undefined;
    if (node.kind === 'field' && (isList || node.type === 'string')) {
      long.set(`${node.root}.${node.field}`, { root: node.root, field: node.field });
    }
    if (node.kind === 'fold') folds = true;
    const children = childrenOf(node);
    if (node.kind === 'matches') stepsPerCharacter += patternSteps * node.compiled.programSize();
    else if (children.some(({ type }) => type === 'string')) stepsPerCharacter += textSteps;
    children.forEach(visit);
  };
  visit(root);
  const stepsPerItem = folds ? root.cost / listItemsMax : 0;
  return {
    ...{ stepsPerItem, stepsPerCharacter, long: [...long.values()] },
    steps: folds ? 0 : root.cost,
  };
}
