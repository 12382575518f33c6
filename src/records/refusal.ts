import type { Access } from '../auth/access.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { fieldsBehind } from '../schema/compile.ts';

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
  const fields = constraint !== undefined ? fieldsBehind(schema, constraint) : [field ?? ''];
  const known = fields.length > 0 && fields.every((name) => access.readable.has(name));
  const subject = known ? ` (${fields.join(', ')})` : '';
  return new VelocityError(error.code, error.message.replace(/\.$/, `${subject}.`), {
    cause: error.cause,
    ...(error.hint !== undefined && { hint: error.hint }),
    details: { ...details, ...(known && { fields }) },
  });
}
