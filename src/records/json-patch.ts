import jsonPatch from 'fast-json-patch';
import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Operations in one patch; a record has no more fields than this. */
const operationsMax = 500;

/** Members of every JavaScript object; fast-json-patch would throw for some of them. */
const banned = new Set(['__proto__', 'constructor', 'prototype']);

const operationNames = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** A JSON Patch document (RFC 6902), its form checked; every problem at once. */
export function jsonPatchOf(body: unknown): readonly JsonPatchOperation[] {
  if (!Array.isArray(body) || body.length > operationsMax) {
    throw validationError('The patch is not well formed.', [
      {
        pointer: '',
        rule: 'type',
        message: `must be a list of at most ${operationsMax} operations`,
      },
    ]);
  }
  const problems = body.flatMap((operation, index) => problemsOf(operation, `/${index}`));
  if (problems.length > 0) throw validationError('The patch is not well formed.', problems);
  return body as JsonPatchOperation[];
}

/** What `copy` may add to a record in all: as much as a body may bring. */
const copiedBytesMax = 1024 * 1024;
/** As deep as a body may be. */
const depthMax = 32;

/**
 * The document after the patch; the one given stays as it is. A few `copy` operations could double a
 * value thirty times over, so what they add is counted before it is added.
 */
export function applyJsonPatch(
  document: unknown,
  operations: readonly JsonPatchOperation[],
): unknown {
  let patched: unknown = structuredClone(document);
  let copiedBytes = 0;
  operations.forEach((operation, index) => {
    const pointer = `/${index}`;
    try {
      if (operation.op === 'copy') {
        const value: unknown = jsonPatch.getValueByPointer(patched, operation.from ?? '');
        copiedBytes += JSON.stringify(value ?? null).length;
        if (copiedBytes > copiedBytesMax) throw refusedAt(pointer, 'copies more than 1 MiB');
      }
      patched = jsonPatch.applyOperation(
        patched,
        operation as jsonPatch.Operation,
        true,
        true,
        true,
        index,
      ).newDocument;
    } catch (error) {
      throw explainPatchError(error, pointer);
    }
  });
  if (isDeeper(patched, depthMax)) {
    throw refusedAt('', `leaves a record deeper than ${depthMax} levels`);
  }
  return patched;
}

function explainPatchError(error: unknown, pointer: string): unknown {
  if (!(error instanceof jsonPatch.JsonPatchError)) return error;
  if (error.name !== 'TEST_OPERATION_FAILED') {
    return refusedAt(pointer, 'points to a place that is not there');
  }
  return new VelocityError('OPTIMISTIC_LOCK_FAILED', 'A test of the patch does not hold.', {
    details: { pointer },
  });
}

function refusedAt(pointer: string, message: string): VelocityError {
  return validationError('The patch cannot be applied.', [
    { pointer, rule: 'json-patch', message },
  ]);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** JSON Merge Patch (RFC 7396, section 2): objects merge, null removes, everything else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = applyMergePatch(merged[name], value);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problemsOf(operation: unknown, pointer: string): Problem[] {
  if (!isObject(operation))
    return [{ pointer, rule: 'type', message: 'must be an object with op and path' }];
  const problems: Problem[] = [];
  const { op, path, from } = operation;
  if (typeof op !== 'string' || !operationNames.has(op)) {
    problems.push({
      pointer: `${pointer}/op`,
      rule: 'enum',
      message: `must be one of ${[...operationNames].join(', ')}`,
    });
  }
  if (typeof path !== 'string' || !path.startsWith('/')) {
    problems.push({
      pointer: `${pointer}/path`,
      rule: 'format',
      message: 'must be a JSON pointer to a field',
    });
  }
  if ((op === 'move' || op === 'copy') && (typeof from !== 'string' || !from.startsWith('/'))) {
    problems.push({
      pointer: `${pointer}/from`,
      rule: 'format',
      message: 'must be a JSON pointer to a field',
    });
  }
  for (const [member, pointed] of [
    ['path', path],
    ['from', from],
  ] as const) {
    if (typeof pointed !== 'string' || !pointed.split('/').some((part) => banned.has(part)))
      continue;
    problems.push({
      pointer: `${pointer}/${member}`,
      rule: 'unknown',
      message: 'points to a place that no record has',
    });
  }
  if ((op === 'add' || op === 'replace' || op === 'test') && !('value' in operation)) {
    problems.push({ pointer: `${pointer}/value`, rule: 'required', message: 'is missing' });
  }
  return problems;
}
