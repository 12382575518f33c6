import type { Field, FieldMask, Filter, Operation } from '../../../src/contract/kinds.ts';
import type { Condition } from '../../../src/query/condition.ts';
import { matches } from '../query/reference.ts';
import type { ThingRow } from '../query/thing-table.ts';
import type { Attributes, Caller, Scope, Values, World } from './world.ts';
import { adminRole, defaultRole, fieldOf } from './world.ts';

/** The layers of access control, said once more as loops over what is written in the resources. */

/** Of several things that are wrong any may be told. */
export interface Refusal {
  readonly codes: readonly RefusalCode[];
}

export const statusOf = {
  ...{ AUTH_REVOKED: 401, AUTH_EXPIRED: 401, AUTH_INSUFFICIENT_SCOPES: 403, RBAC_DENIED: 403 },
  ...{ POLICY_DENIED: 403, FIELD_ACCESS_DENIED: 403, RLS_POLICY_DENIED: 403 },
  ...{ SCHEMA_NOT_FOUND: 404, ENTITY_NOT_FOUND: 404, OPTIMISTIC_LOCK_FAILED: 409 },
  ...{ UNKNOWN_FIELD: 400, FIELD_NOT_FILTERABLE: 400, FIELD_NOT_SORTABLE: 400 },
} as const;

export type RefusalCode = keyof typeof statusOf;

export function refusal(...codes: RefusalCode[]): Refusal {
  return { codes };
}

export function holds(condition: Condition, row: Values): boolean {
  return matches(condition, row as ThingRow);
}

// Layer 1, and what the others need of it.

interface Grant {
  readonly role: string;
  readonly attributes: Attributes;
  /** What the binding gives, before a key limits it. */
  readonly given: Attributes;
}

/** What a caller may do with the schema by one operation. */
export interface Rights {
  readonly everything: boolean;
  readonly actor: string;
  /** All that live bindings give for the operation, whatever they grant: what policies see. */
  readonly roles: readonly string[];
  readonly grants: readonly Grant[];
  /** The key's scopes that cover the operation; undefined: the key has none and limits nothing. */
  readonly scopes: readonly Scope[] | undefined;
}

export function rightsTo(world: World, caller: Caller, operation: Operation): Rights | Refusal {
  const { actor } = caller;
  if (caller.platformAdmin)
    return { everything: true, actor, roles: [], grants: [], scopes: undefined };
  if (caller.organisation !== world.organisation) return refusal('SCHEMA_NOT_FOUND');
  let scopes: readonly Scope[] | undefined;
  if (caller.key.scopes.length > 0) {
    scopes = caller.key.scopes.filter((scope) => covers(scope, world, operation));
    if (scopes.length === 0) return refusal('AUTH_INSUFFICIENT_SCOPES');
  }
  const grants: Grant[] = [];
  const roles: string[] = [];
  // A token is for the whole organisation: the default role comes with bindings alone.
  for (const role of caller.token?.roles ?? []) {
    roles.push(role);
    if (!allows(world, role, operation)) continue;
    const given = caller.token?.attributes ?? {};
    grants.push({ role, attributes: given, given });
  }
  for (const binding of caller.bindings) {
    if (binding.standing !== 'live') continue;
    const covering = binding.scopes.filter((scope) => covers(scope, world, operation));
    if (binding.scopes.length > 0 && covering.length === 0) continue;
    const given = covering.length === 0 ? [{}] : covering.map(({ attributes }) => attributes ?? {});
    roles.push(...binding.roles, defaultRole);
    for (const role of [...binding.roles, defaultRole]) {
      if (!allows(world, role, operation)) continue;
      for (const attributes of given) {
        for (const limited of limitedBy(world, attributes, scopes)) {
          grants.push({ role, attributes: limited, given: attributes });
        }
      }
    }
  }
  if (grants.length === 0) return refusal('RBAC_DENIED');
  return { everything: false, actor, roles, grants, scopes };
}

function allows(world: World, role: string, operation: Operation): boolean {
  if (role === adminRole) return true;
  for (const entry of world.spec.access.roles ?? []) {
    if (entry.role !== role) continue;
    if (entry.operations.includes(operation) || entry.operations.includes('*')) return true;
  }
  return false;
}

function covers(scope: Scope, world: World, operation: Operation): boolean {
  if (scope.schema !== '*' && scope.schema !== world.name) return false;
  if (scope.version !== undefined && scope.version !== world.spec.version) return false;
  if (scope.operations === undefined) return true;
  return scope.operations.includes(operation) || scope.operations.includes('*');
}

/**
 * Attributes of a key leave those of a binding that it names too, and never give any. One that a row
 * filter excludes rows by stays whole: with fewer values it would show more.
 */
function limitedBy(
  world: World,
  given: Attributes,
  scopes: readonly Scope[] | undefined,
): Attributes[] {
  const excluding = (world.spec.access.rowFilter ?? [])
    .filter(({ filter }) => filter.op === 'neq' || filter.op === 'not_in')
    .map(({ filter }) => attributeOf(filter));
  const limits = (scopes ?? []).flatMap(({ attributes }) =>
    attributes === undefined ? [] : [attributes],
  );
  if (limits.length === 0) return [given];
  return limits.map((limit) => {
    const attributes: Record<string, unknown> = { ...given };
    for (const [name, allowed] of Object.entries(limit)) {
      if (excluding.includes(name)) continue;
      const texts = asList(allowed).map(String);
      attributes[name] = asList(given[name]).filter((value) => texts.includes(String(value)));
    }
    return attributes;
  });
}

function asList(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

// Layers 4 and 7: which records.

/** Filters of one role narrow together, roles add up, and a role without a filter sees all. */
export function sees(world: World, rights: Rights, record: { readonly values: Values }): boolean {
  if (rights.everything) return true;
  const filters = world.spec.access.rowFilter ?? [];
  for (const { role } of rights.grants) {
    const own = filters.filter((filter) => filter.role === role);
    if (own.every(({ filter }) => passes(world, rights, role, filter, record.values))) return true;
  }
  return false;
}

function passes(world: World, rights: Rights, role: string, filter: Filter, row: Values): boolean {
  const attribute = attributeOf(filter);
  if (attribute === undefined) return holds(filter as Condition, row);
  const values = rights.grants
    .filter((grant) => grant.role === role)
    .flatMap((grant) => usable(world, grant, attribute));
  // Whoever lacks the attribute sees nothing by it.
  if (values.length === 0) return false;
  const field = fieldOf(world.spec, filter.field);
  const one = (value: unknown, op: Filter['op']): boolean =>
    holds({ field: filter.field, op, value: typed(field, value) } as Condition, row);
  switch (filter.op) {
    case 'in':
      return values.some((value) => one(value, 'eq'));
    case 'neq':
    case 'not_in':
      return values.every((value) => one(value, 'neq'));
    case 'overlaps':
    case 'contains_all':
      return values.some((value) => one(value, 'contains'));
    default:
      return values.some((value) => one(value, filter.op));
  }
}

function attributeOf({ value }: Filter): string | undefined {
  return /^\{\{identity\.attributes\.(\w+)\}\}$/.exec(String(value))?.[1];
}

/** What is no value of a field that the role's filters compare it with counts as absent. */
function usable(world: World, grant: Grant, attribute: string): unknown[] {
  const { role, attributes, given } = grant;
  const filters = (world.spec.access.rowFilter ?? []).filter(
    (one) => one.role === role && attributeOf(one.filter) === attribute,
  );
  const fitting = filters.every(({ filter }) =>
    asList(given[attribute]).every((value) => fits(fieldOf(world.spec, filter.field), value)),
  );
  return fitting ? asList(attributes[attribute]) : [];
}

function fits(field: Field | undefined, value: unknown): boolean {
  switch (field?.type) {
    case 'integer':
      return /^-?\d+$/.test(String(value));
    case 'boolean':
      return ['true', 'false'].includes(String(value));
    case 'enum':
      return field.enumValues?.includes(String(value)) === true;
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(String(value));
    default:
      return typeof value === 'string';
  }
}

function typed(field: Field | undefined, value: unknown): unknown {
  if (field?.type === 'integer') return Number(value);
  return field?.type === 'boolean' ? String(value) === 'true' : value;
}

// Layer 5: which fields.

export function mayRead(rights: Rights, field: Field): boolean {
  if (!holdsAny(rights, field.access?.read)) return false;
  return byKey(rights, (scope) => scope.fields?.read, field.name);
}

export function mayWrite(rights: Rights, field: Field): boolean {
  // A guess would come back as its hash.
  if (maskFor(rights, field)?.strategy === 'hash') return false;
  if (!mayRead(rights, field) || !holdsAny(rights, field.access?.write)) return false;
  return byKey(rights, (scope) => scope.fields?.write, field.name);
}

// Layer 6: whether a value is seen.

export function maskFor(rights: Rights, { mask }: Field): FieldMask | undefined {
  if (mask === undefined || holdsAny(rights, mask.unmaskedFor ?? [])) return undefined;
  return mask;
}

/** A value as a mask shows it; of a hash, which nobody can foretell, what it is of. */
export function masked({ strategy, keepLast = 4 }: FieldMask, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (strategy === 'redact') return '***';
  if (strategy === 'hash') return `${hashOf}${value}`;
  const characters = [...String(value)];
  return `***${characters.length < 2 * keepLast ? '' : characters.slice(-keepLast).join('')}`;
}

export const hashOf = 'the hash of ';

function holdsAny({ everything, grants }: Rights, roles: readonly string[] | undefined): boolean {
  if (everything || roles === undefined) return true;
  return grants.some(({ role }) => role === adminRole || roles.includes(role));
}

/** Scopes for the same rows add up; of scopes for different rows each has to list the field. */
function byKey(
  { scopes }: Rights,
  listOf: (scope: Scope) => readonly string[] | undefined,
  name: string,
): boolean {
  const rowsOf = ({ attributes }: Scope): string => JSON.stringify(attributes ?? {});
  const allows = (scope: Scope): boolean => listOf(scope)?.includes(name) ?? true;
  return (scopes ?? []).every((scope) =>
    scopes?.some((other) => rowsOf(other) === rowsOf(scope) && allows(other)),
  );
}

const systemNames = ['id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by'];
/** These can be filtered and sorted by, the others only be read. */
export const usableNames = ['id', 'version', 'created_at', 'updated_at'];

export function isKnown(world: World, rights: Rights, name: string): boolean {
  if (systemNames.includes(name)) return true;
  const field = fieldOf(world.spec, name);
  return field !== undefined && mayRead(rights, field);
}
