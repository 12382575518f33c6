import type { Operation, Policy } from '../../../src/contract/kinds.ts';
import { conditionOf } from './random-policies.ts';
import type { Rights } from './reference-rights.ts';
import type { KnownRecord, State, Values, World } from './world.ts';

/** Layer 2, said once more: all policies of an operation must hold. */

const showing: readonly Operation[] = ['read', 'history'];

function policiesFor(world: World, rights: Rights, operation: Operation): Policy[] {
  // They hold for everybody but the platform's administrator.
  if (rights.everything) return [];
  return (world.spec.access.policies ?? []).filter(
    ({ action }) =>
      action === operation || action === '*' || (action === 'read' && showing.includes(operation)),
  );
}

/** One that looks at no record, and that every use of the schema is asked, denies before all else. */
export function deniesAll(world: World, rights: Rights, operation: Operation): boolean {
  return policiesFor(world, rights, operation).some(
    (policy) =>
      policy.fields === undefined && !conditionOf(policy).record && !holds(policy, rights, {}, {}),
  );
}

/** Whether a policy that looks at no record at all denies: it may do so before a record is sought. */
export function deniesAnyRecord(
  world: World,
  rights: Rights,
  operation: Operation,
  uses: readonly string[] | undefined,
): boolean {
  return policiesFor(world, rights, operation).some(
    (policy) =>
      isUsed(policy, uses) && !conditionOf(policy).record && !holds(policy, rights, {}, {}),
  );
}

/** Whether a policy denies an operation that uses these fields; undefined: all of them. */
export function denies(
  world: World,
  rights: Rights,
  operation: Operation,
  judged: {
    readonly self: Values;
    readonly old?: Values;
    readonly uses: readonly string[] | undefined;
  },
): boolean {
  const { self, old = {}, uses } = judged;
  return policiesFor(world, rights, operation).some(
    (policy) => isUsed(policy, uses) && !holds(policy, rights, self, old),
  );
}

function isUsed({ fields }: Policy, uses: readonly string[] | undefined): boolean {
  return fields === undefined || uses === undefined || fields.some((name) => uses.includes(name));
}

function holds(policy: Policy, { actor: id, roles }: Rights, self: Values, old: Values): boolean {
  return conditionOf(policy).holds({ self, old, actor: { id, roles } });
}

/** A record with its system columns, as expressions see it. */
export function judgedRecord({ states }: KnownRecord, { version, values }: State): Values {
  return { ...values, version, created_by: states[0]?.actor };
}
