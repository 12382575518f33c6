import type { ErrorCode, Problem } from '../errors.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import type { ReadAccess } from './read-access.ts';

/** A problem that has a code of its own, and what its error tells beside it. */
export interface PlanProblem extends Problem {
  readonly code: ErrorCode;
  readonly details?: Record<string, unknown>;
}

/** What the schema and the caller decide together: fields that exist, for this caller. */
export interface Scope {
  readonly schema: CompiledSchema;
  readonly access: ReadAccess;
}

/** Lists show only live records: these columns would be null throughout, and are unknown here. */
const neverListed: ReadonlySet<string> = new Set(['deleted_at', 'archived_at', 'archive_ref']);

/**
 * The field, or a problem that reads the same for a field that does not exist and for one that the
 * caller may not read: the answer tells nobody which it was.
 */
export function findReadable(
  { schema, access }: Scope,
  name: string,
  pointer: string,
): CompiledField | PlanProblem {
  const field = schema.fields.get(name);
  if (field !== undefined && isReadable(field, access)) return field;
  return {
    code: 'UNKNOWN_FIELD',
    pointer,
    rule: 'unknown',
    message: `${titleOf(schema)} has no field ${JSON.stringify(name)}`,
    details: { field: name, known: readableNames({ schema, access }, () => true) },
  };
}

/** Whether rows may be chosen by the field's value: by one that is masked, it could be guessed. */
export function isFilterable(field: CompiledField, { masks }: ReadAccess): boolean {
  return field.filterable && !masks.has(field.name);
}

export function isSortable(field: CompiledField, { masks }: ReadAccess): boolean {
  return field.sortable && !masks.has(field.name);
}

export function notFilterable(scope: Scope, name: string, pointer: string): PlanProblem {
  return {
    code: 'FIELD_NOT_FILTERABLE',
    pointer,
    rule: 'filterable',
    message: `${titleOf(scope.schema)} cannot be filtered by "${name}"`,
    hint: scope.access.masks.has(name) ? maskedHint : 'Set filterable: true on the field.',
    details: {
      field: name,
      filterable: readableNames(scope, (field) => isFilterable(field, scope.access)),
    },
  };
}

export function notSortable(scope: Scope, name: string, pointer: string): PlanProblem {
  return {
    code: 'FIELD_NOT_SORTABLE',
    pointer,
    rule: 'sortable',
    message: `${titleOf(scope.schema)} cannot be sorted by "${name}"`,
    hint: scope.access.masks.has(name) ? maskedHint : 'Set sortable: true on the field.',
    details: {
      field: name,
      sortable: readableNames(scope, (field) => isSortable(field, scope.access)),
    },
  };
}

const maskedHint = 'You see it masked: that takes a role of its unmaskedFor.';

export function isProblem(found: object): found is PlanProblem {
  return 'code' in found;
}

export function isReadable(field: CompiledField, access: ReadAccess): boolean {
  return access.readable.has(field.name) && !neverListed.has(field.name);
}

/** Every problem in one error, which carries the first one's code, hint and details. */
export function refuseProblems(problems: readonly PlanProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length - 1;
  throw new VelocityError(first.code, `${first.message}${more > 0 ? ` (and ${more} more)` : ''}.`, {
    details: {
      ...first.details,
      pointer: first.pointer,
      problems: problems.map(({ details: _, ...problem }) => problem),
    },
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

export function titleOf(schema: CompiledSchema): string {
  return `${schema.name} ${schema.version}`;
}

function readableNames(
  { schema, access }: Scope,
  fits: (field: CompiledField) => boolean,
): string[] {
  return [...schema.fields.values()]
    .filter((field) => isReadable(field, access) && fits(field))
    .map((field) => field.name)
    .sort();
}
