import type { Grant, Identity, KeyScope } from '../contract/identity.ts';
import type { FieldMask, FieldReference, Filter, Operation } from '../contract/kinds.ts';
import { platformAdminRole } from '../contract/names.ts';
import { VelocityError } from '../errors.ts';
import type { Condition } from '../query/condition.ts';
import type { Masks } from '../query/mask.ts';
import { noMasks } from '../query/mask.ts';
import type { BindingEntry, RegistrySnapshot } from '../resources/registry/snapshot.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { referencePath } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import { changesRecord, policiesOf } from '../schema/policy.ts';
import { holdsAny, rolesGranting } from '../schema/role-rights.ts';
import { filterAttribute } from '../schema/row-policy.ts';
import type { Note } from './access-note.ts';
import { maskFor, masksFor, tellsByWriting } from './field-masks.ts';
import { fittingAttributes, valuesOf } from './fitting-attributes.ts';
import { covers, heldRoles } from './held-roles.ts';
import { excludingAttributes, narrowAttributes, permitsField } from './key-limits.ts';
import { acceptsIdentity } from './strategy-choice.ts';

/** What a caller may do with one schema, for one operation: layers 1, 4, 5 and 6, decided once. */
export interface Access {
  /** The grants that allow the operation; row filters look at nothing else. */
  readonly grants: readonly Grant[];
  /** `"path":[grants]`: this schema's member of the JSON that RLS reads. */
  readonly grantsText: string;
  /** Field names, system ones included. */
  readonly readable: ReadonlySet<string>;
  readonly writable: ReadonlySet<string>;
  /** Layer 6: readable fields whose values this caller does not see. */
  readonly masks: Masks;
  /** Layer 4 in the query itself, so that it can be an index condition; undefined: all rows. */
  readonly rowFilter: Condition | undefined;
  /** Layer 2: the policies of the operation; on what is shown they are conditions of the query. */
  readonly policies: readonly CompiledPolicy[];
  /** Where a record is changed: those of reading, which it must meet before. */
  readonly readPolicies: readonly CompiledPolicy[];
  /** Every role that the caller holds here, whatever it grants: `actor.roles`. */
  readonly roles: readonly string[];
}

export interface AccessQuestion {
  readonly identity: Identity;
  readonly snapshot: RegistrySnapshot;
  readonly schema: CompiledSchema;
  readonly operation: Exclude<Operation, '*'>;
  readonly nowMs: number;
}

/** Decisions that cannot change before the snapshot does, but for bindings that expire. */
const decided = new WeakMap<
  RegistrySnapshot,
  Map<string, { access: Access | VelocityError; untilMs: number }>
>();
/** Decisions kept a snapshot. Beyond it they are made anew, which costs some 20 µs each. */
const decidedMax = 10_000;

/**
 * Layer 1, deny by default, and what layers 4 to 6 leave of the schema. Throws SCHEMA_NOT_FOUND to
 * callers of another organisation, RBAC_DENIED or AUTH_INSUFFICIENT_SCOPES to the rest.
 */
export function authorize(question: AccessQuestion): Access {
  const access = decide(question);
  if (access instanceof VelocityError) throw access;
  return access;
}

/** The same, where a refusal is an answer: documents and includes that show only what one may use. */
export function findAccess(question: AccessQuestion): Access | undefined {
  const access = decide(question);
  return access instanceof VelocityError ? undefined : access;
}

function decide(question: AccessQuestion): Access | VelocityError {
  const { identity, snapshot, schema, operation, nowMs } = question;
  let known = decided.get(snapshot);
  if (known === undefined) {
    known = new Map();
    decided.set(snapshot, known);
  }
  const key = `${identity.organisation}\n${identity.actor}\n${identity.platformAdmin}\n${scopesKey(identity)}\n${tokenKey(identity)}\n${identity.strategy}\n${identity.credential.issuer ?? ''}\n${schema.statementPrefix}\n${operation}`;
  const hit = known.get(key);
  if (hit !== undefined && nowMs < hit.untilMs) return hit.access;
  const bindings = bindingsOf(question);
  const access = decideAccess(question, bindings);
  if (known.size >= decidedMax) known.clear();
  known.set(key, {
    access,
    untilMs: firstExpiry(question),
  });
  return access;
}

/** Of all the caller's bindings: those in other domains say how references by key are masked. */
function firstExpiry({ identity, snapshot, nowMs }: AccessQuestion): number {
  const all = snapshot.bindings.get(`${identity.organisation}\n${identity.actor}`) ?? [];
  const expiries = all.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY);
  return Math.min(Number.POSITIVE_INFINITY, ...expiries.filter((expiry) => expiry > nowMs));
}

const scopeKeys = new WeakMap<readonly KeyScope[], string>();

function scopesKey({ keyScopes }: Identity): string {
  if (keyScopes === undefined) return '';
  let key = scopeKeys.get(keyScopes);
  if (key === undefined) {
    key = JSON.stringify(keyScopes);
    scopeKeys.set(keyScopes, key);
  }
  return key;
}

const tokenKeys = new WeakMap<Identity, string>();

/** The identity of a token is kept while the token lives, so it is the same object each time. */
function tokenKey(identity: Identity): string {
  const { roles, attributes } = identity;
  // Without a role the attributes decide nothing here.
  if (roles.length === 0) return '';
  let key = tokenKeys.get(identity);
  if (key === undefined) {
    key = JSON.stringify([roles, attributes]);
    tokenKeys.set(identity, key);
  }
  return key;
}

/** The same decision made anew, telling `note` what it looked at. */
export function decideNoting(question: AccessQuestion, note: Note): Access | VelocityError {
  return decideAccess(question, bindingsOf(question, note), note);
}

/** The caller's unexpired bindings in the domain of the schema. */
function bindingsOf(
  { identity, snapshot, schema, nowMs }: AccessQuestion,
  note?: Note,
): BindingEntry[] {
  const all = snapshot.bindings.get(`${identity.organisation}\n${identity.actor}`) ?? [];
  return all.filter((binding) => {
    if (binding.namespace !== schema.namespace) return false;
    const lives = binding.expiresAt === undefined || binding.expiresAt > nowMs;
    if (!lives) note?.({ what: 'binding', binding, outcome: 'expired' });
    return lives;
  });
}

function decideAccess(
  question: AccessQuestion,
  bindings: readonly BindingEntry[],
  note?: Note,
): Access | VelocityError {
  const { identity, schema, operation } = question;
  if (identity.platformAdmin) {
    note?.({ what: 'platform-admin' });
    return fullAccess(schema);
  }
  if (identity.organisation !== schema.organisation) return schemaNotFound(schema.path);
  const scopes = identity.keyScopes?.filter((scope, index) => {
    const covered = covers(scope, schema, operation);
    note?.({ what: 'key-scope', index, covered });
    return covered;
  });
  if (scopes?.length === 0) {
    return new VelocityError(
      'AUTH_INSUFFICIENT_SCOPES',
      `This key is not scoped for ${operation} on ${schema.path}.`,
      {
        details: { operation, schema: schema.path },
        hint: 'Use a key whose scopes include it, or have one issued.',
      },
    );
  }
  const grants = grantsOf(question, bindings, scopes, note);
  if (grants.length === 0) {
    return new VelocityError(
      'RBAC_DENIED',
      `None of your roles grants ${operation} on ${schema.path}.`,
      {
        details: { operation, schema: schema.path, layer: 'rbac' },
        hint: `Ask for a role that does: ${rolesGranting(schema, operation).join(', ') || 'no role of this schema grants it'}.`,
      },
    );
  }
  const roles = new Set(grants.map((grant) => grant.role));
  const readable = new Set(
    [...schema.fields.values()].filter((f) => mayRead(f, roles, schema, scopes)).map((f) => f.name),
  );
  const masks = masksFor(schema, { readable, roles }, (ref) => maskOfKey(question, ref));
  return {
    grants,
    grantsText: grantsText(schema, grants),
    readable,
    writable: new Set(
      schema.userFields
        .filter((f) => mayWrite(f, roles, schema, scopes) && !tellsByWriting(f, schema, masks))
        .map((f) => f.name),
    ),
    masks,
    rowFilter: rowFilterOf(schema, grants),
    policies: policiesOf(schema.policies, operation),
    readPolicies: changesRecord(operation) ? policiesOf(schema.policies, 'read') : [],
    roles: heldRoles(question, bindings),
  };
}

/** How the caller sees the key in its own schema, as far as its strategy believes them at all. */
function maskOfKey(question: AccessQuestion, reference: FieldReference): FieldMask | undefined {
  const schema = question.snapshot.targets.get(referencePath(reference));
  const mask = schema?.fields.get(reference.key ?? 'id')?.spec.mask;
  if (schema === undefined || mask === undefined) return undefined;
  const { identity, snapshot } = question;
  const reading: AccessQuestion = { ...question, schema, operation: 'read' };
  if (!acceptsIdentity(identity, schema, 'read', snapshot)) return mask;
  const scopes = identity.keyScopes?.filter((scope) => covers(scope, schema, 'read'));
  const grants = scopes?.length === 0 ? [] : grantsOf(reading, bindingsOf(reading), scopes);
  return maskFor(mask, schema, new Set(grants.map(({ role }) => role)));
}

export function schemaNotFound(path: string): VelocityError {
  return new VelocityError('SCHEMA_NOT_FOUND', `There is no schema at /api/${path}.`, {
    hint: 'GET /api lists the schemas that you may use.',
  });
}

function fullAccess(schema: CompiledSchema): Access {
  const grants = [{ role: platformAdminRole, attributes: {} }];
  return {
    grants,
    grantsText: grantsText(schema, grants),
    readable: new Set(schema.fields.keys()),
    writable: new Set(schema.userFields.map((field) => field.name)),
    masks: noMasks,
    rowFilter: undefined,
    policies: [],
    readPolicies: [],
    roles: [platformAdminRole],
  };
}

function grantsText(schema: CompiledSchema, grants: readonly Grant[]): string {
  return `${JSON.stringify(schema.path)}:${JSON.stringify(grants)}`;
}

/** Roles that bindings or the token give and that the schema grants the operation, with attributes. */
function grantsOf(
  { identity, schema, operation }: AccessQuestion,
  bindings: readonly BindingEntry[],
  keyScopes: readonly KeyScope[] | undefined,
  note?: Note,
): Grant[] {
  const granting = new Set([...rolesGranting(schema, operation), schema.access.adminRole]);
  // A key's attributes narrow what the binding gives; they can never widen it.
  const narrowing = keyScopes
    ?.map((scope) => scope.attributes)
    .filter((attributes) => attributes !== undefined);
  const excluding = excludingAttributes(schema);
  const narrowings = narrowing === undefined || narrowing.length === 0 ? [{}] : narrowing;
  const grants: Grant[] = [];
  const add = (role: string, attributes: Grant['attributes']): void => {
    // First: of values that together show nothing a key would leave some that do.
    const fitting = fittingAttributes(schema, role, attributes);
    for (const narrow of narrowings)
      grants.push({ role, attributes: narrowAttributes(fitting, narrow, excluding) });
  };
  // The default role comes with a binding in the domain: a token is for the whole organisation.
  for (const role of identity.roles) {
    const granted = granting.has(role);
    note?.({ what: 'role', binding: undefined, role, granted });
    if (granted) add(role, identity.attributes);
  }
  for (const binding of bindings) {
    const scopes = binding.scopes.filter((scope) => covers(scope, schema, operation));
    if (binding.scopes.length > 0 && scopes.length === 0) {
      note?.({ what: 'binding', binding, outcome: 'out-of-scope' });
      continue;
    }
    const attributeSets =
      binding.scopes.length === 0 ? [{}] : scopes.map((scope) => scope.attributes ?? {});
    for (const role of new Set([...binding.roles, schema.access.defaultRole])) {
      const granted = granting.has(role);
      note?.({ what: 'role', binding, role, granted });
      if (!granted) continue;
      for (const attributes of attributeSets) add(role, attributes);
    }
  }
  return grants;
}

function mayRead(
  field: CompiledField,
  roles: ReadonlySet<string>,
  schema: CompiledSchema,
  scopes: readonly KeyScope[] | undefined,
): boolean {
  if (!holdsAny(field.readRoles, roles, schema)) return false;
  // A key that lists its readable fields still sees the columns that every record has.
  return field.system || permitsField(scopes, 'read', field.name);
}

function mayWrite(
  field: CompiledField,
  roles: ReadonlySet<string>,
  schema: CompiledSchema,
  scopes: readonly KeyScope[] | undefined,
): boolean {
  if (!holdsAny(field.writeRoles, roles, schema)) return false;
  // What one may not see one may not write: an answer would otherwise tell what was there.
  if (!mayRead(field, roles, schema, scopes)) return false;
  return permitsField(scopes, 'write', field.name);
}

/** One row filter that narrows the caller: which of the schema's, and with whose values. */
export interface RowFilterRule {
  /** Its place in `spec.access.rowFilter`. */
  readonly index: number;
  readonly role: string;
  readonly condition: Condition;
}

/** The row filters that hold for these grants; undefined: a role without one sees every row. */
export function rowFilterRules(
  schema: CompiledSchema,
  grants: readonly Grant[],
): RowFilterRule[] | undefined {
  const filters = schema.spec.access.rowFilter ?? [];
  const filtered = new Set(filters.map((filter) => filter.role));
  if (filters.length === 0 || grants.some((grant) => !filtered.has(grant.role))) return undefined;
  const roles = new Set(grants.map((grant) => grant.role));
  return filters.flatMap(({ role, filter }, index) =>
    roles.has(role) ? [{ index, role, condition: conditionOf(filter, role, grants) }] : [],
  );
}

/** The caller's row filters as a condition with the caller's own values; the twin of `rowPolicy`. */
function rowFilterOf(schema: CompiledSchema, grants: readonly Grant[]): Condition | undefined {
  const rules = rowFilterRules(schema, grants);
  if (rules === undefined) return undefined;
  const or = [...new Set(grants.map((grant) => grant.role))].map((role) => ({
    and: rules.filter((rule) => rule.role === role).map(({ condition }) => condition),
  }));
  return or.length === 1 ? or[0] : { or };
}

/** Any of them lets a row through; none of them lets none. */
export function attributeValues(
  grants: readonly Grant[],
  role: string,
  attribute: string,
): unknown[] {
  return grants
    .filter((grant) => grant.role === role)
    .flatMap((grant) => valuesOf(grant.attributes[attribute]));
}

function conditionOf(filter: Filter, role: string, grants: readonly Grant[]): Condition {
  const attribute = filterAttribute(filter.value);
  if (attribute === undefined) return { field: filter.field, op: filter.op, value: filter.value };
  const values = attributeValues(grants, role, attribute);
  if (values.length === 0) return { or: [] };
  if (filter.op === 'eq' || filter.op === 'in')
    return { field: filter.field, op: 'in', value: values };
  if (filter.op === 'neq' || filter.op === 'not_in')
    return { field: filter.field, op: 'not_in', value: values };
  const ofList = filter.op === 'overlaps' || filter.op === 'contains_all';
  return {
    or: values.map((value) => ({
      ...{ field: filter.field, op: filter.op, value: ofList ? [value] : value },
    })),
  };
}
