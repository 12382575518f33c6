import type { KeyScope } from '../contract/identity.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { filterAttribute } from '../schema/row-policy.ts';
import { valuesOf } from './fitting-attributes.ts';

/** What the scopes of a key leave of what its actor may do. They take away and never give. */

type Attributes = Readonly<Record<string, unknown>>;

/**
 * Attributes as a scope leaves them: of each that it names, the values that it names too. What a row
 * filter excludes rows by stays whole, for with fewer values it would show more rows.
 */
export function narrowAttributes(
  attributes: Attributes,
  limit: Attributes,
  excluding: ReadonlySet<string>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...attributes };
  for (const [name, allowedValues] of Object.entries(limit)) {
    if (excluding.has(name)) continue;
    const allowed = valuesOf(allowedValues).map(String);
    result[name] = valuesOf(attributes[name]).filter((value) => allowed.includes(String(value)));
  }
  return result;
}

const excludingOf = new WeakMap<CompiledSchema, ReadonlySet<string>>();

/** Attributes that row filters of the schema exclude rows by. */
export function excludingAttributes(schema: CompiledSchema): ReadonlySet<string> {
  let names = excludingOf.get(schema);
  if (names === undefined) {
    names = new Set(
      (schema.spec.access.rowFilter ?? [])
        .filter(({ filter }) => filter.op === 'neq' || filter.op === 'not_in')
        .map(({ filter }) => filterAttribute(filter.value))
        .filter((name) => name !== undefined),
    );
    excludingOf.set(schema, names);
  }
  return names;
}

/**
 * Whether a key may use a field. Scopes for the same rows add up; where scopes are for different rows
 * each of them has to allow it, for the fields of one would otherwise show in the rows of another.
 */
export function permitsField(
  scopes: readonly KeyScope[] | undefined,
  use: 'read' | 'write',
  field: string,
): boolean {
  if (scopes === undefined) return true;
  const byRows = Map.groupBy(scopes, ({ attributes }) => JSON.stringify(attributes ?? {}));
  return [...byRows.values()].every((alike) =>
    alike.some(({ fields }) => fields?.[use] === undefined || fields[use].includes(field)),
  );
}
