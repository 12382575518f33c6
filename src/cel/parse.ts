import { createRequire } from 'node:module';
import type { parse } from '@bufbuild/cel';

/** A node as the parser leaves it: macros are expanded, nothing has a type. */
export type ParsedNode = ReturnType<typeof parse>['expr'] | undefined;

export interface CelProblem {
  readonly message: string;
  /** What would be right. */
  readonly hint: string;
  /** Where in the source, from 1; absent: all of it. */
  readonly line?: number;
  readonly column?: number;
}

export interface Parsed {
  readonly expr: ParsedNode;
  /** Offset in the source of each node. */
  readonly positions: Readonly<Record<string, number>>;
}

const require = createRequire(import.meta.url);

/**
 * Loads the parser with the first expression: it needs 28 MB, and most processes serve schemas that
 * hold no expression.
 */
function loadParser(): typeof parse {
  const parser = require('@bufbuild/cel') as typeof import('@bufbuild/cel');
  return parser.parse;
}

/** As resources.md bounds it. */
const sourceBytesMax = 10 * 1_024;
/** Brackets inside one another: the parser recurses, and its stack is not for users to fill. */
const bracketsMax = 100;

/** Parses with the bounds that keep the parser itself from being a burden. */
export function parseCel(source: string): { ok: Parsed } | { problem: CelProblem } {
  const bytes = Buffer.byteLength(source);
  if (bytes > sourceBytesMax) {
    const message = `The expression has ${bytes} bytes; ${sourceBytesMax} are allowed.`;
    return { problem: { message, hint: 'Split it into several rules, or compare with data.' } };
  }
  if (source.includes('\0')) {
    return { problem: { message: 'The expression holds a NUL character.', hint: 'Remove it.' } };
  }
  if (bracketDepth(source) > bracketsMax) return { problem: tooDeep };
  const parse = loadParser();
  try {
    const { expr, sourceInfo } = parse(source);
    return { ok: { expr, positions: sourceInfo?.positions ?? {} } };
  } catch (error) {
    // The parser is a recursive descent: what is too deep for it has run out of stack.
    return { problem: error instanceof RangeError ? tooDeep : syntaxProblem(error) };
  }
}

export const tooDeep: CelProblem = {
  message: 'The expression is nested too deep.',
  hint: 'At most 10 levels are allowed; a chain of one operator counts as one.',
};

/** Line and column, from 1, of an offset in the source. */
export function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function syntaxProblem(error: unknown): CelProblem {
  const { location } = error as { location?: { start: { line: number; column: number } } };
  const message = 'The expression is not CEL: it cannot be read from here on.';
  const hint = 'See docs/cel.md for operators and functions; text stands in quotes.';
  return { message, hint, ...(location !== undefined && place(location.start)) };
}

function place({ line, column }: { line: number; column: number }) {
  return { line, column };
}

/** Brackets within texts count too: an upper bound is all that is wanted. */
function bracketDepth(source: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of source) {
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
