import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import { evaluateExpression } from '../auth/evaluate-expression.ts';
import type { Problem } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { ValidationRule } from '../schema/validation-rule.ts';
import type { RecordValues } from './record-input.ts';

/** Who writes, and what was there before; a new record has no before. */
interface Writing {
  readonly caller: Caller;
  readonly old?: RecordValues;
}

/**
 * The schema's validations that a record does not meet. The table is held to most of them, so here
 * they only say all of it at once and in good words. A rule is judged where `record` has all of its
 * fields, and none of them has a problem of its own already.
 */
export function ruleProblems(
  schema: CompiledSchema,
  access: Access,
  record: RecordValues,
  others: readonly Problem[],
  { caller, old }: Writing,
): readonly Problem[] {
  if (schema.rules.length === 0 && schema.writeRules.length === 0) return others;
  const faulty = new Set(others.map(({ pointer }) => pointer.split('/')[1]));
  const isJudged = ({ fields }: ValidationRule): boolean =>
    fields.every((name) => name in record && !faulty.has(name));
  const time = caller.time;
  const broken: ValidationRule[] = schema.rules.filter(
    (rule) => isJudged(rule) && evaluateExpression(rule.cel, { self: record }, time) !== true,
  );
  for (const rule of schema.writeRules) {
    if (!isJudged(rule) || (rule.needsOld && old === undefined)) continue;
    const bindings = { ...caller.bindings, self: record, old };
    if (evaluateExpression(rule.cel, bindings, time, rule.limitMs) !== true) broken.push(rule);
  }
  return [...others, ...broken.map((rule) => ruleProblem(rule, access))];
}

/** Rules hold for hidden fields too, but a problem tells nothing about what the caller cannot read. */
export function ruleProblem({ type, fields, message }: ValidationRule, access: Access): Problem {
  if (!fields.every((name) => access.readable.has(name))) return hiddenProblem;
  const [first] = fields;
  const one = type === 'compare' || fields.length === 1;
  return { pointer: one && first !== undefined ? `/${first}` : '', rule: type, message };
}

export const hiddenProblem: Problem = {
  pointer: '',
  rule: 'schema',
  message: 'does not fit the schema',
};
