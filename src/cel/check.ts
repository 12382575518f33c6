import type { CelType } from './cel-type.ts';
import { checkNode } from './check-node.ts';
import type { CelEnvironment } from './environment.ts';
import type { CelNode } from './node.ts';
import { listItemsMax } from './node.ts';
import type { CelProblem, ParsedNode } from './parse.ts';
import { parseCel, placeOf, tooDeep } from './parse.ts';

export interface CheckedCel {
  readonly source: string;
  readonly type: CelType;
  /** Whether null is among its values. */
  readonly nullable: boolean;
  readonly root: CelNode;
}

/** As resources.md bounds it. */
const depthMax = 10;
/** Each may be as long as a request is: what they make together has to stay in memory. */
const textsMax = 32;
/** Told at once: enough to see what is wrong, few enough to read. */
const problemsMax = 20;
/** Levels with chains counted link by link: what is evaluated or compiled recurses as deep. */
const heightMax = 400;
/** Steps of one evaluation: well below a millisecond, and one macro inside another is over it. */
export const costMax = 100_000;

/**
 * Parses an expression and gives it types, once, at admission. Every problem that can be told from
 * the others comes at once; what is checked here is evaluated and compiled without further questions.
 */
export function checkCel(
  source: string,
  env: CelEnvironment,
): { ok: CheckedCel } | { problems: readonly CelProblem[] } {
  const parsed = parseCel(source);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  const { expr, positions } = parsed.ok;
  const problems: CelProblem[] = [];
  const report = (at: ParsedNode, message: string, hint: string): undefined => {
    const offset = positions[String(at?.id)];
    if (problems.length >= problemsMax) return;
    problems.push({ message, hint, ...(offset !== undefined && placeOf(source, offset)) });
  };
  let root: CelNode | undefined;
  try {
    root = checkNode({ environment: env, report }, expr, new Map());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problems: [tooDeep] };
  }
  if (root === undefined) return { problems };
  if (root.depth > depthMax || root.height > heightMax) problems.push(tooDeep);
  if (root.texts > textsMax) {
    const message = `The expression may put ${root.texts} texts together; ${textsMax} are allowed.`;
    problems.push({ message, hint: 'Compare or test each text by itself.' });
  }
  if (root.cost > costMax) {
    const message = `The expression may take ${root.cost} steps; ${costMax} are allowed.`;
    const hint = `A macro runs its body for each of up to ${listItemsMax} items: keep macros out of macros.`;
    problems.push({ message, hint });
  }
  if (problems.length > 0) return { problems };
  return { ok: { source, type: root.type, nullable: root.nullable, root } };
}
