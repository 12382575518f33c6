import type { CelBindings } from '../cel/evaluate.ts';
import type { Grant, Identity } from '../contract/identity.ts';
import type { EvaluationTime } from './evaluate-expression.ts';
import { newEvaluationTime } from './evaluate-expression.ts';

/** Who asks, and how, as expressions see it; one for each request and operation. */
export interface Caller {
  /** `actor`, `actor.attributes` and `request`. */
  readonly bindings: CelBindings;
  readonly time: EvaluationTime;
}

interface CallerInput {
  readonly identity: Identity;
  /** All roles that the caller holds for the schema, and the grants of those that allow the operation. */
  readonly roles: readonly string[];
  readonly grants: readonly Grant[];
  /** Milliseconds for one evaluation, where the caller's AuthStrategy says so. */
  readonly evaluationMs: number | undefined;
  readonly request: {
    readonly operation: string;
    readonly method: string;
    readonly address: string;
    readonly nowMs: number;
    readonly reason: string | undefined;
    readonly ticketRef: string | undefined;
  };
}

/** Made where an expression asks for it first: most requests meet none. */
export function callerOf(input: CallerInput): Caller {
  let bindings: CelBindings | undefined;
  return {
    get bindings() {
      bindings ??= bindingsOf(input);
      return bindings;
    },
    time: newEvaluationTime(input.evaluationMs),
  };
}

function bindingsOf({ identity, roles, grants, request }: CallerInput): CelBindings {
  const { actor: id, actorType: type, organisation, email } = identity;
  const { operation, method, address, nowMs, reason, ticketRef: ticket } = request;
  const time = new Date(nowMs).toISOString();
  return {
    actor: { id, type, organisation, roles, email },
    'actor.attributes': attributesOf(identity, grants),
    request: { operation, method, address, time, reason, ticket },
  };
}

/**
 * What row filters see too: where grants name an attribute, its values are theirs, which the limits of
 * a key have narrowed by then; the token's own stand for any other.
 */
function attributesOf(
  { attributes }: Identity,
  grants: readonly Grant[],
): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = Object.assign(Object.create(null), attributes);
  const granted = new Map<string, Set<unknown>>();
  for (const grant of grants) {
    for (const [name, given] of Object.entries(grant.attributes)) {
      const values = granted.get(name) ?? new Set();
      for (const value of Array.isArray(given) ? given : [given]) values.add(value);
      granted.set(name, values);
    }
  }
  for (const [name, values] of granted) found[name] = [...values];
  return found;
}
