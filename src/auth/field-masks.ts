import type { FieldMask, FieldReference } from '../contract/kinds.ts';
import type { Masks } from '../query/mask.ts';
import { noMasks } from '../query/mask.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { seesThrough } from '../schema/role-rights.ts';

type Roles = ReadonlySet<string>;

/**
 * The masks that hold for a caller with these roles, of what they may read: of the rest nothing is
 * said. A reference by a key holds the key's value, so it is shown as the key is in its own schema,
 * which `maskOfKey` knows.
 */
export function masksFor(
  schema: CompiledSchema,
  { readable, roles }: { readonly readable: ReadonlySet<string>; readonly roles: Roles },
  maskOfKey: (reference: FieldReference) => FieldMask | undefined,
): Masks {
  const masks = schema.userFields.flatMap(({ name, spec }): [string, FieldMask][] => {
    const mask = maskFor(spec.mask, schema, roles) ?? (spec.ref && maskOfKey(spec.ref));
    return mask === undefined || !readable.has(name) ? [] : [[name, mask]];
  });
  return masks.length === 0 ? noMasks : new Map(masks);
}

/** Undefined where one of the roles sees the value; the domain's admin role does, as in layer 5. */
export function maskFor(
  mask: FieldMask | undefined,
  { access }: Pick<CompiledSchema, 'access'>,
  roles: Roles,
): FieldMask | undefined {
  return mask === undefined || seesThrough(mask, roles, { access }) ? undefined : mask;
}

/**
 * Whether writing a guess would tell the value of another record to somebody who sees the field
 * masked: by the conflict with a unique value, by the hash that the guess is then shown as, or by a
 * reference that leads somewhere.
 */
export function tellsByWriting(
  { name, spec }: CompiledField,
  schema: CompiledSchema,
  masks: Masks,
): boolean {
  const mask = masks.get(name);
  if (mask === undefined) return false;
  const unique =
    spec.unique === true ||
    (schema.spec.indexes ?? []).some(
      (index) => index.unique === true && index.fields.some((field) => field.name === name),
    );
  return unique || mask.strategy === 'hash' || spec.ref !== undefined;
}
