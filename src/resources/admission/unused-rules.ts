import type { Field, Operation, SchemaDefinition } from '../../contract/kinds.ts';
import { filterAttribute } from '../../schema/row-policy.ts';
import type { Finding } from './finding.ts';
import { warn } from './finding.ts';
import { domainOf } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/** Rules that are well formed and can never do anything: mostly two that contradict each other. */
export function* rulesThatNeverApply(
  { metadata, spec }: SchemaDefinition,
  view: AdmissionView,
): Iterable<Finding> {
  const adminRole = domainOf(metadata.namespace, view)?.spec.access.adminRole;
  const grants = new Map(
    (spec.access.roles ?? []).map(({ role, operations }) => [role, operations]),
  );
  const may = (role: string, ...any: readonly Operation[]): boolean =>
    any.some(
      (operation) => grants.get(role)?.includes(operation) || grants.get(role)?.includes('*'),
    );
  for (const field of spec.fields) {
    yield* unreadableWriters(field, adminRole);
    yield* unreadableUnmasked(field, adminRole);
    for (const role of field.access?.write ?? []) {
      // A role without any operation has a warning of its own.
      if (!grants.has(role) || role === adminRole) continue;
      const writes = field.immutable === true ? may(role, 'create') : may(role, 'create', 'update');
      if (writes) continue;
      const needs =
        field.immutable === true ? 'create, and the field is immutable' : 'create or update';
      yield warn(
        `access.write of field "${field.name}" names role "${role}", which may not ${needs}.`,
      );
    }
  }
  yield* contradictingFilters(spec);
}

/** What one may not read one may not write. */
function* unreadableWriters(
  { name, access }: Field,
  adminRole: string | undefined,
): Iterable<Finding> {
  const readers = access?.read;
  if (readers === undefined) return;
  for (const role of access?.write ?? []) {
    if (readers.includes(role) || role === adminRole) continue;
    yield warn(
      `access.write of field "${name}" names role "${role}", which access.read leaves out: alone it may do neither.`,
    );
  }
}

/** A mask is taken off what one may read. */
function* unreadableUnmasked(
  { name, access, mask }: Field,
  adminRole: string | undefined,
): Iterable<Finding> {
  const readers = access?.read;
  if (readers === undefined) return;
  for (const role of mask?.unmaskedFor ?? []) {
    if (readers.includes(role) || role === adminRole) continue;
    yield warn(
      `mask.unmaskedFor of field "${name}" names role "${role}", which access.read leaves out: alone it sees nothing of the field.`,
    );
  }
}

/** Filters of one role narrow together; two values of one field at once are none. */
function* contradictingFilters({ access }: SchemaDefinition['spec']): Iterable<Finding> {
  const wanted = new Map<string, unknown>();
  for (const { role, filter } of access.rowFilter ?? []) {
    if (filter.op !== 'eq' || filterAttribute(filter.value) !== undefined) continue;
    const key = JSON.stringify([role, filter.field]);
    if (!wanted.has(key)) wanted.set(key, filter.value);
    else if (wanted.get(key) !== filter.value) {
      yield warn(
        `The row filters of role "${role}" want field "${filter.field}" to have two values at once: no row passes.`,
      );
    }
  }
}
