import type { Access } from '../auth/access.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { fieldsBehind } from '../schema/compile.ts';
import { ruleName } from '../schema/validation-rule.ts';
import { sqlState } from '../store/database-error.ts';
import { ruleProblem } from './rule-problems.ts';

/** A delete that referring records stand against names their column. */
const ofReferrer: ReadonlySet<string> = new Set(['VE011', 'VE013']);

/**
 * A database refusal in the terms of the schema: which fields, if the caller may know of them. A
 * constraint over a field that is hidden from the caller is told without its name.
 */
export function explainRefusal(error: unknown, schema: CompiledSchema, access: Access): unknown {
  if (!(error instanceof VelocityError) || error.details === undefined) return error;
  const { constraint, field, ...details } = error.details as {
    constraint?: string;
    field?: string;
  };
  if (constraint === undefined && field === undefined) return error;
  // Of the schema that refers here, which the caller may not know.
  if (ofReferrer.has(sqlState(error) ?? '')) {
    return new VelocityError(error.code, error.message, {
      cause: error.cause,
      ...(error.hint !== undefined && { hint: error.hint }),
      details,
    });
  }
  const broken = schema.rules.find((rule) => ruleName(schema.pgTable, rule) === constraint);
  if (broken !== undefined) {
    const problems = [ruleProblem(broken, access)];
    const message = `The record is not a valid ${schema.name} ${schema.version}.`;
    return new VelocityError(error.code, message, { cause: error.cause, details: { problems } });
  }
  const fields = constraint !== undefined ? fieldsBehind(schema, constraint) : [field ?? ''];
  const known = fields.length > 0 && fields.every((name) => access.readable.has(name));
  const subject = known ? ` (${fields.join(', ')})` : '';
  return new VelocityError(error.code, error.message.replace(/\.$/, `${subject}.`), {
    cause: error.cause,
    ...(error.hint !== undefined && { hint: error.hint }),
    details: { ...details, ...(known && { fields }) },
  });
}
