import type { RuleReason } from '../contract/explanation.ts';
import { hiddenValue } from '../contract/explanation.ts';
import type { Filter } from '../contract/kinds.ts';
import { assert } from '../errors.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { referencePath } from '../schema/compile.ts';
import { holdsAny } from '../schema/role-rights.ts';
import { filterAttribute } from '../schema/row-policy.ts';
import type { Access, AccessQuestion, RowFilterRule } from './access.ts';
import { attributeValues, findAccess } from './access.ts';
import { placeIn } from './explain-roles.ts';
import { tellsByWriting } from './field-masks.ts';
import type { Sight } from './sight.ts';

/** Whose access is explained, and to whom. */
export interface Explained {
  readonly schema: CompiledSchema;
  readonly access: Access;
  readonly sight: Sight;
  /** Attributes are the actor's own: told to nobody else who cannot see the field that they match. */
  readonly isSelf: boolean;
}

/** What one row filter made of a record; undefined: nothing was held against it. */
export interface FilterOutcome {
  readonly passed: boolean;
  /** The record's value, as the asker sees it; absent where it was not read. */
  readonly value?: unknown;
}

/** Layer 4: one filter of a role, with the attribute that it asks for and, of a record, the value. */
export function rowFilterReason(
  { schema, access, sight, isSelf }: Explained,
  rule: RowFilterRule,
  outcome?: FilterOutcome,
): RuleReason {
  const filter = schema.spec.access.rowFilter?.[rule.index]?.filter;
  assert(filter !== undefined, 'a row filter has its place in the spec');
  const attribute = filterAttribute(filter.value);
  const given =
    attribute === undefined ? undefined : attributeValues(access.grants, rule.role, attribute);
  const lacks = given?.length === 0;
  const reason: RuleReason = {
    rule: `row filter of ${rule.role}`,
    effect: lacks || outcome?.passed === false ? 'deny' : 'allow',
    message: lacks
      ? `nothing gives ${rule.role} a fitting attribute ${attribute}, so no row passes`
      : 'looks at a field that you may not see',
    place: placeIn(schema, `/spec/access/rowFilter/${rule.index}`),
  };
  if (!sight.knows(filter.field)) return reason;
  const open = isSelf || sight.sees(filter.field);
  return {
    ...reason,
    ...(!lacks && { message: describeFilter(filter, attribute) }),
    values: {
      ...(outcome !== undefined &&
        'value' in outcome && {
          [filter.field]: sight.sees(filter.field) ? outcome.value : hiddenValue,
        }),
      ...(attribute !== undefined && { [`attributes.${attribute}`]: open ? given : hiddenValue }),
    },
  };
}

function describeFilter({ field, op, value }: Filter, attribute: string | undefined): string {
  const right = attribute === undefined ? JSON.stringify(value) : `the attribute ${attribute}`;
  return `lets through rows with ${field} ${op} ${right}`;
}

/** Layer 5: each field with a rule of its own that the asker knows of. `writes`: for a write's body. */
export function fieldReasons(explained: Explained, writes: boolean): RuleReason[] {
  const { schema, sight } = explained;
  return schema.userFields
    .map((field, index) => ({ field, index }))
    .filter(({ field }) => sight.knows(field.name))
    .flatMap(({ field, index }) => fieldReason(explained, field, { index, writes }));
}

export function fieldReason(
  { schema, access }: Explained,
  field: CompiledField,
  { index, writes }: { readonly index: number; readonly writes: boolean },
): RuleReason[] {
  const readable = access.readable.has(field.name);
  const asked = writes && readable;
  const allowed = asked ? access.writable.has(field.name) : readable;
  const verb = asked ? 'write' : 'read';
  const wanted = asked ? field.writeRoles : field.readRoles;
  const roles = new Set(access.grants.map((grant) => grant.role));
  if (wanted === undefined && allowed) return [];
  const byRole = !allowed && !holdsAny(wanted, roles, schema);
  const names = [...(wanted ?? [])].join(', ') || 'nobody but the admin role';
  const rights = allowed
    ? verb
    : asked
      ? 'read only'
      : writes
        ? 'neither read nor write'
        : 'hidden';
  return [
    {
      rule: `field ${field.name}`,
      effect: allowed ? 'allow' : 'deny',
      message:
        allowed || byRole
          ? `${rights}: ${verb} is for ${names}`
          : tellsByWriting(field, schema, access.masks)
            ? `${rights}: a guess that is written would tell what the mask hides`
            : `${rights}: the key leaves it out`,
      ...((allowed || byRole) && {
        place: placeIn(schema, `/spec/fields/${index}/access/${verb}`),
      }),
    },
  ];
}

/** Layer 6: the masks of fields that the asker knows of, and whether the actor sees through them. */
export function maskReasons({ schema, access, sight }: Explained): RuleReason[] {
  return schema.userFields.flatMap((field, index) => {
    if (!access.readable.has(field.name) || !sight.knows(field.name)) return [];
    const mask = access.masks.get(field.name);
    const declared = field.spec.mask;
    if (mask === undefined && declared === undefined) return [];
    const roles = (mask ?? declared)?.unmaskedFor?.join(', ') ?? 'the admin role alone';
    const reason: RuleReason = {
      rule: `mask of ${field.name}`,
      effect: mask === undefined ? 'allow' : 'deny',
      message:
        mask === undefined
          ? `seen as it is: unmasked for ${roles}`
          : `shown masked (${mask.strategy}): unmasked for ${roles}`,
      place: placeIn(schema, `/spec/fields/${index}/${declared === undefined ? 'ref' : 'mask'}`),
    };
    return [reason];
  });
}

/** Layer 2: a policy that has denied, with the sentence that its caller reads. */
export function policyReason(schema: CompiledSchema, policy: string, message: string): RuleReason {
  const index = (schema.spec.access.policies ?? []).findIndex(({ name }) => name === policy);
  const place = placeIn(schema, `/spec/access/policies/${index}`);
  return { rule: `policy ${policy}`, effect: 'deny', message, place };
}

/** Layer 3: where references lead, and whether an include may follow them. */
export function referenceReasons(
  { schema, access, sight }: Explained,
  question: Pick<AccessQuestion, 'identity' | 'snapshot' | 'nowMs'>,
): RuleReason[] {
  return schema.userFields.flatMap((field, index) => {
    const { ref } = field.spec;
    if (ref === undefined || !access.readable.has(field.name) || !sight.knows(field.name))
      return [];
    const path = referencePath(ref);
    const target = question.snapshot.targets.get(path);
    const allowed =
      target !== undefined &&
      findAccess({ ...question, schema: target, operation: 'read' }) !== undefined;
    const reason: RuleReason = {
      rule: `reference ${field.name}`,
      effect: allowed ? 'allow' : 'deny',
      message: `include=${field.name} reads ${path}, which the actor may ${allowed ? '' : 'not '}read`,
      place: placeIn(schema, `/spec/fields/${index}/ref`),
    };
    return [reason];
  });
}
