import type { Domain, Operation, RoleGrant, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { holdsAny, rolesGranting, seesThrough } from './role-rights.ts';

/** Every operation, in the order that people think of them. */
export const operations = [
  ...(['create', 'read', 'update', 'delete', 'history', 'restore', 'search'] as const),
  ...(['export', 'archive', 'unarchive', 'audit'] as const),
] satisfies readonly Exclude<Operation, '*'>[];

export type MatrixOperation = (typeof operations)[number];

/** What a role alone may do with a field. */
export type FieldRight = 'write' | 'read' | 'masked' | 'none';

export interface RoleRow {
  readonly role: string;
  /** The domain's admin role has every operation without being listed. */
  readonly isAdmin: boolean;
  readonly operations: readonly MatrixOperation[];
  /** Places in spec.access.rowFilter that narrow the role; empty: it sees every row. */
  readonly rowFilters: readonly number[];
  /** Fields that the role is shown masked, by whatever operation. */
  readonly masked: readonly string[];
  /** Of each operation that the role has, what it may do with each field. */
  readonly fields: Readonly<Record<string, Readonly<Record<string, FieldRight>>>>;
}

export interface AccessMatrix {
  readonly fields: readonly string[];
  readonly roles: readonly RoleRow[];
}

const writing: ReadonlySet<string> = new Set(['create', 'update']);

/**
 * Roles × operations × fields, from the spec alone: what each role gives by itself. What an actor may
 * do is the sum of its roles, less what policies, a key's scopes and row filters take away.
 */
export function accessMatrix(
  spec: SchemaDefinitionSpec,
  access: Domain['spec']['access'] | undefined,
): AccessMatrix {
  const adminRole = access?.adminRole;
  const listed = (spec.access.roles ?? []).map(({ role }: RoleGrant) => role);
  const roles = new Set([...listed, ...(adminRole === undefined ? [] : [adminRole])]);
  return {
    fields: spec.fields.map(({ name }) => name),
    roles: [...roles].map((role) => roleRow(spec, role, adminRole)),
  };
}

function roleRow(spec: SchemaDefinitionSpec, role: string, adminRole: string | undefined): RoleRow {
  const isAdmin = role === adminRole;
  const granted = operations.filter(
    (operation) => isAdmin || rolesGranting({ spec }, operation).includes(role),
  );
  const rowFilters = (spec.access.rowFilter ?? []).flatMap((filter, index) =>
    filter.role === role ? [index] : [],
  );
  const fields = Object.fromEntries(
    granted.map((operation) => [
      operation,
      Object.fromEntries(
        spec.fields.map((field) => [
          field.name,
          fieldRight(field, role, { adminRole, writes: writing.has(operation) }),
        ]),
      ),
    ]),
  );
  const domain = { access: { adminRole: adminRole ?? '' } };
  const masked = spec.fields
    .filter(({ mask }) => mask !== undefined && !seesThrough(mask, new Set([role]), domain))
    .map(({ name }) => name);
  return { role, isAdmin, operations: granted, rowFilters, masked, fields };
}

function fieldRight(
  field: SchemaDefinitionSpec['fields'][number],
  role: string,
  { adminRole, writes }: { readonly adminRole: string | undefined; readonly writes: boolean },
): FieldRight {
  const held = new Set([role]);
  const domain = { access: { adminRole: adminRole ?? '' } };
  const may = (wanted: readonly string[] | undefined) =>
    holdsAny(wanted === undefined ? undefined : new Set(wanted), held, domain);
  if (!may(field.access?.read)) return 'none';
  if (writes && may(field.access?.write)) return 'write';
  return field.mask === undefined || seesThrough(field.mask, held, domain) ? 'read' : 'masked';
}
