import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import type { Condition, FieldCondition, Operator } from './condition.ts';
import type { FilterValue } from './filter-value.ts';
import { readFilterValue, UnfitValue } from './filter-value.ts';
import type { PlanProblem, Scope } from './plan-problem.ts';
import { findReadable, isFilterable, isProblem, notFilterable } from './plan-problem.ts';
import type { ValueType } from './value-type.ts';
import { operatorsOf, valueTypeOf } from './value-type.ts';

/** One field held against a value that fits it. */
export interface FieldTest {
  readonly field: CompiledField;
  readonly type: ValueType;
  readonly op: Operator;
  readonly value: FilterValue;
}

/** A condition whose fields exist and whose values fit them: ready to become SQL. */
export type PlannedCondition =
  | FieldTest
  | { readonly and: readonly PlannedCondition[] }
  | { readonly or: readonly PlannedCondition[] }
  | { readonly not: PlannedCondition };

/** A caller's condition; undefined when `problems` has grown. */
export function planCondition(
  scope: Scope,
  condition: Condition,
  problems: PlanProblem[],
): PlannedCondition | undefined {
  if ('field' in condition) return planTest(scope, condition, problems);
  if ('not' in condition) {
    const negated = planCondition(scope, condition.not, problems);
    return negated === undefined ? undefined : { not: negated };
  }
  const members = 'and' in condition ? condition.and : condition.or;
  const planned = members
    .map((member) => planCondition(scope, member, problems))
    .filter((member) => member !== undefined);
  if (planned.length < members.length) return undefined;
  return 'and' in condition ? { and: planned } : { or: planned };
}

/**
 * A row filter of the access layers: it may look at any field, and what is wrong with it lets no
 * row through instead of failing, so that a malformed attribute shows nothing to its owner.
 */
export function planRowFilter(schema: CompiledSchema, condition: Condition): PlannedCondition {
  return planTrusted(schema, condition, false) ?? { or: [] };
}

/** Undefined: cannot hold. Beneath a `not`, an `or` may not drop such a member either. */
function planTrusted(
  schema: CompiledSchema,
  condition: Condition,
  negated: boolean,
): PlannedCondition | undefined {
  if ('field' in condition) {
    const field = schema.fields.get(condition.field);
    if (field === undefined) return undefined;
    const test = readTest(field, condition);
    return 'message' in test ? undefined : test;
  }
  if ('not' in condition) {
    const inner = planTrusted(schema, condition.not, true);
    return inner === undefined ? undefined : { not: inner };
  }
  const members = 'and' in condition ? condition.and : condition.or;
  const planned = members
    .map((member) => planTrusted(schema, member, negated))
    .filter((member) => member !== undefined);
  if ('or' in condition && !negated) return { or: planned };
  if (planned.length < members.length) return undefined;
  return 'and' in condition ? { and: planned } : { or: planned };
}

function planTest(
  scope: Scope,
  condition: FieldCondition,
  problems: PlanProblem[],
): FieldTest | undefined {
  const pointers = pointersOf(condition.pointer);
  const field = findReadable(scope, condition.field, pointers.field);
  if (isProblem(field)) {
    problems.push(field);
    return undefined;
  }
  if (!isFilterable(field, scope.access)) {
    problems.push(notFilterable(scope, field.name, pointers.field));
    return undefined;
  }
  const test = readTest(field, condition);
  if (!('message' in test)) return test;
  problems.push({
    code: 'VALIDATION_ERROR',
    pointer: pointers[test.member],
    rule: test.rule,
    message: test.message,
    ...(test.hint === undefined ? {} : { hint: test.hint }),
    details: { field: field.name },
  });
  return undefined;
}

interface Misfit {
  readonly member: 'op' | 'value';
  readonly rule: string;
  readonly message: string;
  readonly hint?: string;
}

function readTest(field: CompiledField, { op, value }: FieldCondition): FieldTest | Misfit {
  const type = valueTypeOf(field);
  if (!operatorsOf[type].includes(op)) {
    return {
      member: 'op',
      rule: 'operator',
      message: `"${field.name}" is of type ${field.type}, which has no operator ${op}`,
      hint: `Operators of ${field.type}: ${operatorsOf[type].join(', ')}.`,
    };
  }
  try {
    return { field, type, op, value: readFilterValue(field, type, op, value) };
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    return {
      member: 'value',
      rule: field.type,
      message: `the value for "${field.name}" ${error.message}`,
    };
  }
}

/** A body's condition has members of its own; a parameter is one with its name. */
function pointersOf(pointer = ''): { field: string; op: string; value: string } {
  if (!pointer.startsWith('/where')) return { field: pointer, op: pointer, value: pointer };
  return { field: `${pointer}/field`, op: `${pointer}/op`, value: `${pointer}/value` };
}
