import type { ShortExplanation } from '../contract/explanation.ts';
import type { Problem } from '../errors.ts';
import { exitCodeOfStatus, exitCodes } from './exit-codes.ts';

/** `application/problem+json` as the API answers it; every member may be missing on a proxy's page. */
export interface ProblemDocument {
  readonly status?: number;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly requestId?: string;
  readonly details?: {
    readonly problems?: readonly Problem[];
    readonly explain?: ShortExplanation;
  } & Record<string, unknown>;
}

/** An expected end of a command: one block on stderr and an exit code, never a stack. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: { exitCode?: number; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandFailure';
    this.exitCode = options.exitCode ?? exitCodes.failure;
    this.hint = options.hint;
  }
}

export function usageFailure(message: string, hint?: string): CommandFailure {
  return new CommandFailure(message, { exitCode: exitCodes.usage, hint });
}

/** The API answered, and refused. */
export class ApiRefusal extends CommandFailure {
  readonly status: number;
  readonly problem: ProblemDocument;
  /** From `Retry-After`; undefined when the answer had none. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: ProblemDocument, retryAfterMs: number | undefined) {
    super(problem.detail ?? problem.title ?? `the API answered ${status}`, {
      exitCode: exitCodeOfStatus(status),
      hint: problem.hint,
    });
    this.name = 'ApiRefusal';
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Nothing answered at the address. */
export class Unreachable extends CommandFailure {
  constructor(url: string, reason: string, cause: unknown) {
    super(`nothing answers at ${url} (${reason})`, {
      exitCode: exitCodes.unavailable,
      hint: 'Start one with `make dev` or `velocity dev`, or point elsewhere with --url or `velocity context use`.',
      cause,
    });
    this.name = 'Unreachable';
  }
}

/** Problems printed of one answer; a bulk of bad rows must not scroll the reason away. */
const problemsShownMax = 20;

/** The block that stderr shows: code and detail first, then where, then what to do. */
export function describeFailure(error: CommandFailure): string {
  const lines: string[] = [];
  if (error instanceof ApiRefusal) {
    const { code, requestId, details } = error.problem;
    lines.push(`error: ${code === undefined ? '' : `${code}: `}${error.message} (${error.status})`);
    const problems = details?.problems ?? [];
    for (const problem of problems.slice(0, problemsShownMax))
      lines.push(...describeProblem(problem));
    if (problems.length > problemsShownMax) {
      lines.push(`  … and ${problems.length - problemsShownMax} more`);
    }
    lines.push(...otherDetails(details), ...describeRules(details?.explain));
    if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
    if (requestId !== undefined) lines.push(`  request: ${requestId}`);
  } else {
    lines.push(`error: ${error.message}`);
    if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  }
  return `${lines.join('\n')}\n`;
}

export function describeProblem(problem: Problem): string[] {
  const where = problem.pointer === '' ? '(the whole input)' : problem.pointer;
  const lines = [`  ${where}: ${problem.message}`];
  if (problem.hint !== undefined) lines.push(`    hint: ${problem.hint}`);
  return lines;
}

/** A line longer than this would bury the reason. */
const detailLengthMax = 400;

const shownApart: ReadonlySet<string> = new Set(['problems', 'pointer', 'explain']);

/** Members of `details` that are short enough to help: the field, its value, what is allowed. */
function otherDetails(details: ProblemDocument['details']): string[] {
  return Object.entries(details ?? {})
    .filter(([name]) => !shownApart.has(name))
    .map(([name, value]) => `  ${name}: ${showDetail(value)}`)
    .filter((line) => line.length <= detailLengthMax);
}

/** The rules behind a denial, for whoever the API tells them. */
function describeRules(explain: ShortExplanation | undefined): string[] {
  if (explain === undefined) return [];
  const rules = explain.rules.map(({ rule, message, place }) => {
    const where =
      place === undefined ? '' : ` (${place.kind} ${place.name ?? ''} ${place.pointer})`;
    return `    ${rule}: ${message}${where}`;
  });
  return [`  denied by layer ${explain.layer} (${explain.name})`, ...rules];
}

function showDetail(value: unknown): string {
  if (typeof value === 'string') return value;
  const names = Array.isArray(value) && value.every((member) => typeof member === 'string');
  return names ? value.join(', ') : JSON.stringify(value);
}
