import type { CelBindings } from '../cel/evaluate.ts';
import { VelocityError } from '../errors.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { Caller } from './caller.ts';
import { evaluateExpression } from './evaluate-expression.ts';

/** The records of a request, their fields as the API has them in JSON, system columns included. */
interface JudgedRecords {
  readonly self: Readonly<Record<string, unknown>>;
  readonly old?: Readonly<Record<string, unknown>>;
  /** Fields that the request uses; undefined: all of them. */
  readonly uses: readonly string[] | undefined;
}

/** Throws POLICY_DENIED with the first of the policies that does not hold. */
export function requirePolicies(
  policies: readonly CompiledPolicy[],
  caller: Caller,
  { self, old, uses }: JudgedRecords,
): void {
  if (policies.length === 0) return;
  const bindings: CelBindings = { ...caller.bindings, self, old };
  for (const policy of policies) {
    if (appliesTo(policy, uses) && !holds(policy, caller, bindings)) throw policyDenied(policy);
  }
}

/**
 * Throws POLICY_DENIED where a policy denies whatever record it is: a list that such a policy made
 * empty would leave its reader to guess.
 */
export function requireStanding(policies: readonly CompiledPolicy[], caller: Caller): void {
  const denied = findStandingDenial(policies, caller);
  if (denied !== undefined) throw policyDenied(denied);
}

export function standingHolds(policies: readonly CompiledPolicy[], caller: Caller): boolean {
  return findStandingDenial(policies, caller) === undefined;
}

function findStandingDenial(policies: readonly CompiledPolicy[], caller: Caller) {
  return policies.find((policy) => isStanding(policy) && !holds(policy, caller, caller.bindings));
}

/** Whether a policy looks at the caller and the request alone, and holds for every use of the schema. */
export function isStanding({ needsRecord, fields }: CompiledPolicy): boolean {
  return !needsRecord && fields === undefined;
}

function holds({ cel }: CompiledPolicy, { time }: Caller, bindings: CelBindings): boolean {
  return cel !== undefined && evaluateExpression(cel, bindings, time) === true;
}

function appliesTo({ fields }: CompiledPolicy, uses: readonly string[] | undefined): boolean {
  return fields === undefined || uses === undefined || uses.some((name) => fields.has(name));
}

export function policyDenied({ name, message }: Pick<CompiledPolicy, 'name' | 'message'>) {
  return new VelocityError('POLICY_DENIED', message, { details: { policy: name, layer: 'abac' } });
}
