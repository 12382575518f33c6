import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import { recordPolicies } from './compile-policy.ts';
import type { CursorKeys, CursorSeal } from './cursor.ts';
import { readCursor } from './cursor.ts';
import type { Masks } from './mask.ts';
import type { PlannedCondition } from './plan-condition.ts';
import { planCondition, planRowFilter } from './plan-condition.ts';
import type { GroupingPlan } from './plan-grouping.ts';
import { planGrouping, planGroupSort } from './plan-grouping.ts';
import type { IncludePlan, Schemas } from './plan-include.ts';
import { planIncludes } from './plan-include.ts';
import type { PlanProblem, Scope } from './plan-problem.ts';
import {
  findReadable,
  isProblem,
  isReadable,
  isSortable,
  notSortable,
  refuseProblems,
} from './plan-problem.ts';
import { refuseCostly } from './query-cost.ts';
import type { ReadAccess } from './read-access.ts';
import type { CountMode, Direction, NamedAt, RecordQuery, SortKey } from './record-query.ts';

export interface PlannedSort {
  readonly field: CompiledField;
  readonly direction: Direction;
  /** Whether records may be without a value; then those come last upwards and first downwards. */
  readonly nullable: boolean;
}

/** A query that this caller may ask of this schema, every name and value checked. */
export interface RecordPlan {
  readonly schema: CompiledSchema;
  readonly fields: readonly CompiledField[];
  readonly masks: Masks;
  readonly where: PlannedCondition | undefined;
  readonly rowFilter: PlannedCondition | undefined;
  readonly policies: readonly CompiledPolicy[];
  /** Ends with the id, so that no two records share a place. */
  readonly sort: readonly PlannedSort[];
  readonly limit: number;
  readonly offset: number | undefined;
  /** The sort keys of the record that the page follows. */
  readonly after: CursorKeys | undefined;
  readonly includes: readonly IncludePlan[];
  readonly count: CountMode;
  readonly seal: CursorSeal;
  readonly grouping: GroupingPlan | undefined;
}

export interface PlanInput extends Schemas {
  readonly schema: CompiledSchema;
  readonly query: RecordQuery;
  readonly access: ReadAccess;
  readonly cursorSecret: string;
}

/**
 * Holds a query against the schema and the caller's access. Throws a VelocityError with every
 * problem: UNKNOWN_FIELD, FIELD_NOT_FILTERABLE, FIELD_NOT_SORTABLE, VALIDATION_ERROR,
 * CROSS_SCHEMA_ACCESS_DENIED, QUERY_TOO_COSTLY or CURSOR_INVALID.
 */
export function planRecordQuery(input: PlanInput): RecordPlan {
  const { schema, query, access } = input;
  const scope: Scope = { schema, access };
  const problems: PlanProblem[] = [];
  const where = query.where && planCondition(scope, query.where, problems);
  const includes = planIncludes(scope, query.include, input, problems);
  const grouping = query.grouping && planGrouping(scope, query, problems);
  const sort = grouping === undefined ? planSort(scope, query.sort, problems) : [];
  const fields = planSelection(scope, query.select, includes, problems);
  const plan: Omit<RecordPlan, 'after' | 'seal'> = {
    schema,
    fields,
    masks: access.masks,
    where,
    rowFilter: access.rowFilter && planRowFilter(schema, access.rowFilter),
    policies: recordPolicies(access.policies, fieldsUsed({ query, fields, where, grouping })),
    sort,
    limit: query.limit,
    offset: query.offset,
    includes,
    count: query.count,
    grouping: grouping && planGroupSort(grouping, query.sort, problems),
  };
  const costly = problems.length === 0 ? refuseCostly(plan) : undefined;
  refuseProblems(costly === undefined ? problems : [costly]);
  const seal = { secret: input.cursorSecret, binding: bindingOf(plan) };
  const after = query.cursor === undefined ? undefined : readCursor(seal, query.cursor);
  return { ...plan, seal, after };
}

/** Every field that shows in the answer or decides it; groups show no records, only what they name. */
function fieldsUsed(by: {
  readonly query: RecordQuery;
  readonly fields: readonly CompiledField[];
  readonly where: PlannedCondition | undefined;
  readonly grouping: Omit<GroupingPlan, 'sort'> | undefined;
}): ReadonlySet<string> {
  const { query, fields, where, grouping } = by;
  const shown =
    grouping === undefined
      ? fields
      : [...grouping.by, ...grouping.aggregates.flatMap(({ field }) => field ?? [])];
  const used = new Set(shown.map(({ name }) => name));
  for (const { field } of query.sort) used.add(field);
  const visit = (condition: PlannedCondition): void => {
    if ('field' in condition) used.add(condition.field.name);
    else if ('not' in condition) visit(condition.not);
    else ('and' in condition ? condition.and : condition.or).forEach(visit);
  };
  if (where !== undefined) visit(where);
  return used;
}

/** What the caller sees: all readable fields, or those asked for, and every included reference. */
export function planSelection(
  scope: Scope,
  select: readonly NamedAt[] | undefined,
  includes: readonly IncludePlan[],
  problems: PlanProblem[],
): readonly CompiledField[] {
  if (select === undefined) return readableFields(scope);
  const fields = new Set(includes.map(({ field }) => field));
  for (const { name, pointer } of select) {
    const field = findReadable(scope, name, pointer);
    if (isProblem(field)) problems.push(field);
    else fields.add(field);
  }
  return [...fields];
}

/** All that a caller may read, found once: the same list also makes the same select list. */
const readable = new WeakMap<ReadAccess, { schema: CompiledSchema; fields: CompiledField[] }>();

function readableFields({ schema, access }: Scope): readonly CompiledField[] {
  const known = readable.get(access);
  if (known?.schema === schema) return known.fields;
  const fields = [...schema.fields.values()].filter((field) => isReadable(field, access));
  readable.set(access, { schema, fields });
  return fields;
}

function planSort(scope: Scope, keys: readonly SortKey[], problems: PlanProblem[]): PlannedSort[] {
  const sort: PlannedSort[] = [];
  for (const { field: name, direction, pointer } of keys) {
    const field = findReadable(scope, name, pointer);
    if (isProblem(field)) problems.push(field);
    else if (!isSortable(field, scope.access)) problems.push(notSortable(scope, name, pointer));
    else sort.push({ field, direction, nullable: isNullable(field) });
    // The id alone decides: whatever follows it never does.
    if (name === 'id') return sort;
  }
  // The same direction as the key before it, so that one index serves both, read either way.
  const direction = sort.at(-1)?.direction ?? 'asc';
  sort.push({ field: scope.schema.fields.get('id')!, direction, nullable: false });
  return sort;
}

/** Required fields are NOT NULL columns; a default leaves that as it is. */
function isNullable({ system, spec }: CompiledField): boolean {
  return !system && spec.required !== true;
}

/** Other words for the same question give the same text; pages may differ in size and selection. */
function bindingOf(plan: Pick<RecordPlan, 'schema' | 'where' | 'sort'>): string {
  const order = plan.sort.map(({ field, direction }) => [field.name, field.columnType, direction]);
  return JSON.stringify([plan.schema.path, canonical(plan.where), order]);
}

function canonical(condition: PlannedCondition | undefined): unknown {
  if (condition === undefined) return null;
  if ('field' in condition) return [condition.field.name, condition.op, condition.value];
  if ('not' in condition) return { not: canonical(condition.not) };
  return 'and' in condition
    ? { and: condition.and.map(canonical) }
    : { or: condition.or.map(canonical) };
}
