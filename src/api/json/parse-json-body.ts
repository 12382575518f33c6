import { isUtf8 } from 'node:buffer';
import type { Problem } from '../../errors.ts';
import { VelocityError, validationError } from '../../errors.ts';
import { joinPointer } from '../../query/pointer.ts';
import { findJsonProblems } from './find-json-problems.ts';
import type { JsonScan } from './scan-json.ts';
import { scanJson } from './scan-json.ts';

/** Deeper input is refused: nothing we store needs it and every walk below is recursive. */
export const depthMax = 32;

/** Members that would reach an object's prototype in careless code further down. */
const forbiddenMembers: ReadonlySet<string> = new Set(['__proto__', 'constructor']);
const notWellFormed = 'The body is not well formed.';

/**
 * Parses a JSON body and refuses what JSON.parse alone would let through or quietly change: depth,
 * prototype members, NUL, lone surrogates, duplicate members, numbers a double cannot hold.
 * A body without any of these pays one pass over its bytes and one over its values.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) {
    throw refusal({ pointer: '', rule: 'utf-8', message: 'is not valid UTF-8' });
  }
  const scan = scanJson(bytes);
  if (scan.depth > depthMax) {
    throw refusal({
      pointer: '',
      rule: 'depth',
      message: `is nested ${scan.depth} levels deep`,
      hint: `at most ${depthMax} levels`,
    });
  }
  const text = bytes.toString('utf8');
  const value = parseText(text);
  const walk: Walk = { members: 0, escapes: scan.escapes, problem: undefined };
  inspect(value, walk, undefined);
  if (walk.problem) throw refusal(walk.problem);
  if (needsTokens(scan, walk)) {
    const problems = findJsonProblems(text);
    if (problems.length > 0) throw validationError(notWellFormed, problems);
  }
  return value;
}

/** One JSON text a line; blank lines are skipped. Pointers begin with the line's index. */
export function parseNdjsonBody(bytes: Buffer, rowsMax: number): unknown[] {
  const rows: unknown[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (isBlank(line)) continue;
    if (rows.length === rowsMax) {
      throw refusal({
        pointer: `/${rowsMax}`,
        rule: 'max-rows',
        message: `has more than ${rowsMax} rows`,
        hint: 'send them in several requests',
      });
    }
    try {
      rows.push(parseJsonBody(line));
    } catch (error) {
      throw underRow(error, rows.length);
    }
  }
  return rows;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // V8's message quotes the text, which may be anything, so it is kept as the cause only.
    const problem: Problem = { pointer: '', rule: 'json', message: 'is not valid JSON' };
    throw new VelocityError('VALIDATION_ERROR', notWellFormed, {
      details: { problems: [problem] },
      cause,
    });
  }
}

interface Walk {
  members: number;
  readonly escapes: boolean;
  problem: Problem | undefined;
}

/** Recursive, bounded by `depthMax`. Pointers are only made once something is wrong. */
function inspect(value: unknown, walk: Walk, key: string | number | undefined): void {
  if (typeof value === 'string') {
    if (walk.escapes && !isCleanText(value)) walk.problem = textProblem(value);
  } else if (Array.isArray(value)) {
    for (let index = 0; index < value.length && !walk.problem; index++) {
      inspect(value[index], walk, index);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const name of Object.keys(value)) {
      walk.members++;
      if (forbiddenMembers.has(name)) {
        const message = `${JSON.stringify(name)} is not allowed as a member`;
        walk.problem = { pointer: joinPointer('', name), rule: 'forbidden-member', message };
      } else if (walk.escapes && !isCleanText(name)) {
        walk.problem = textProblem(name);
      } else {
        inspect((value as Record<string, unknown>)[name], walk, name);
      }
      if (walk.problem) break;
    }
  }
  if (walk.problem && key !== undefined) {
    walk.problem = { ...walk.problem, pointer: joinPointer('', key) + walk.problem.pointer };
  }
}

/** Bytes that are valid UTF-8 hold neither, so only an escape can bring them in. */
function isCleanText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function textProblem(text: string): Problem {
  return text.includes('\0')
    ? { pointer: '', rule: 'no-nul', message: 'contains a NUL character' }
    : { pointer: '', rule: 'well-formed-unicode', message: 'contains a lone surrogate' };
}

function needsTokens(scan: JsonScan, walk: Walk): boolean {
  return scan.longNumbers || scan.members !== walk.members;
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function refusal(problem: Problem): VelocityError {
  return validationError(notWellFormed, [problem]);
}

function underRow(error: unknown, row: number): unknown {
  if (!(error instanceof VelocityError)) return error;
  const problems = (error.details?.['problems'] ?? []) as Problem[];
  return validationError(
    `Line ${row + 1} is not well formed.`,
    problems.map((problem) => ({ ...problem, pointer: joinPointer('', row) + problem.pointer })),
  );
}
