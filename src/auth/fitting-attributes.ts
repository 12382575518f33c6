import type { Grant } from '../contract/identity.ts';
import { readFilterValue, UnfitValue } from '../query/filter-value.ts';
import { valueTypeOf } from '../query/value-type.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { filterAttribute } from '../schema/row-policy.ts';

type Attributes = Grant['attributes'];

/**
 * The attributes of a grant as the row filters of its role can use them. One with a value that is no
 * value of the field it is compared with counts as absent: it shows nothing, here and in Postgres,
 * where its cast would fail.
 */
export function fittingAttributes(
  schema: CompiledSchema,
  role: string,
  attributes: Attributes,
): Attributes {
  let fitting = attributes;
  for (const { role: of, filter } of schema.spec.access.rowFilter ?? []) {
    const name = of === role ? filterAttribute(filter.value) : undefined;
    const field = schema.fields.get(filter.field);
    if (name === undefined || field === undefined) continue;
    if (valuesOf(fitting[name]).every((value) => fits(field, value))) continue;
    fitting = { ...fitting, [name]: [] };
  }
  return fitting;
}

/** An attribute is one value, a list of them, or none. */
export function valuesOf(attribute: unknown): unknown[] {
  if (attribute === undefined || attribute === null) return [];
  return Array.isArray(attribute) ? attribute : [attribute];
}

function fits(field: CompiledField, value: unknown): boolean {
  const type = valueTypeOf(field);
  try {
    readFilterValue(field, type, type.endsWith('[]') ? 'contains' : 'eq', value);
    return true;
  } catch (error) {
    if (error instanceof UnfitValue) return false;
    throw error;
  }
}
