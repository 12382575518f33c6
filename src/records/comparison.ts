import type { Access } from '../auth/access.ts';
import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { Problem } from '../errors.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { compareInstants } from './exact-instant.ts';
import { compareDecimals, plainDecimal } from './exact-number.ts';
import type { RecordValues } from './record-input.ts';

const holds: Readonly<Record<string, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  neq: (order) => order !== 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
};

const noRules: NonNullable<SchemaDefinitionSpec['validations']> = [];

/**
 * Validations of type `compare` over a whole record; one side without a value always passes. They
 * hold for hidden fields too, but a problem names no field that the caller cannot read.
 */
export function comparisonProblems(
  schema: CompiledSchema,
  access: Access,
  record: RecordValues,
): readonly Problem[] {
  return (schema.spec.validations ?? noRules).flatMap((rule) => {
    const { left, operator, right } = rule;
    if (
      rule.type !== 'compare' ||
      left === undefined ||
      right === undefined ||
      operator === undefined
    )
      return [];
    const order = compareValues(
      schema.fields.get(left)?.type ?? 'string',
      record[left],
      record[right],
    );
    if (order === undefined || holds[operator]?.(order) === true) return [];
    if (!access.readable.has(left) || !access.readable.has(right)) return [hiddenProblem];
    return [
      {
        pointer: `/${left}`,
        rule: 'compare',
        message: rule.message ?? `${left} must be ${operator} ${right}`,
      },
    ];
  });
}

export const hiddenProblem: Problem = {
  pointer: '',
  rule: 'schema',
  message: 'does not fit the schema',
};

function compareValues(type: string, left: unknown, right: unknown): number | undefined {
  if (left === null || left === undefined || right === null || right === undefined)
    return undefined;
  if (type === 'datetime') {
    const order = compareInstants(String(left), String(right));
    return Number.isNaN(order) ? undefined : order;
  }
  if (type === 'integer' || type === 'number' || type === 'decimal') {
    const [a, b] = [plainDecimal(String(left)), plainDecimal(String(right))];
    // Values of the wrong type have a problem of their own already.
    return [a, b].every((text) => /^-?\d+(\.\d+)?$/.test(text)) ? compareDecimals(a, b) : undefined;
  }
  return String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0;
}
