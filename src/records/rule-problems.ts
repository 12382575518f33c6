import type { Access } from '../auth/access.ts';
import { evaluateCel } from '../cel/evaluate.ts';
import type { Problem } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { ValidationRule } from '../schema/validation-rule.ts';
import type { RecordValues } from './record-input.ts';

/**
 * The schema's validations that a record does not meet; the table is held to the same, so this only
 * says all of it at once and in good words. A rule is judged where `record` has all of its fields, and
 * none of them has a problem of its own already.
 */
export function ruleProblems(
  schema: CompiledSchema,
  access: Access,
  record: RecordValues,
  others: readonly Problem[],
): readonly Problem[] {
  if (schema.rules.length === 0) return others;
  const faulty = new Set(others.map(({ pointer }) => pointer.split('/')[1]));
  const broken = schema.rules.filter(
    ({ cel, fields }) =>
      fields.every((name) => name in record && !faulty.has(name)) &&
      evaluateCel(cel, { self: record }) !== true,
  );
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
