import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import type { Explained } from '../auth/explain-rules.ts';
import { policyReason } from '../auth/explain-rules.ts';
import { isStanding, requireStanding } from '../auth/policies.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import type { RuleReason } from '../contract/explanation.ts';
import { hiddenValue } from '../contract/explanation.ts';
import type { Operation } from '../contract/kinds.ts';
import { VelocityError } from '../errors.ts';
import { compileDenials, planDenials } from '../query/compile-denials.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { Parties } from './explain-record.ts';
import type { Writer } from './judge-policies.ts';
import {
  judgeChange,
  judgeCreate,
  judgeDelete,
  judgeReadable,
  judgeUnseen,
  policiesNeedRecord,
} from './judge-policies.ts';
import { mergeInto } from './patch-record.ts';
import { readRecord } from './read-record.ts';
import type { RecordValues } from './record-input.ts';
import { needsRecord, withDefaults } from './record-input.ts';
import { callerFor, callersAt, sessionOf } from './request-context.ts';

/** Layer 2: each policy that was asked, and whether it let the request through. */
export interface PolicyVerdict {
  readonly rules: readonly RuleReason[];
  readonly denied: boolean;
}

type Outcome = 'allow' | 'deny' | 'none';

export interface JudgedOperation {
  readonly operation: Exclude<Operation, '*'>;
  readonly id: string | undefined;
  /** The values of a create or the changes of an update, as the request would name them. */
  readonly record: RecordValues | undefined;
  /** What the asker sees of the record. */
  readonly seen: RecordValues | undefined;
}

/**
 * The policies that the endpoint asks before it looks at any record: those that look at the caller and
 * the request alone, and all where a change can be judged without what is there.
 */
export function explainStanding(
  { actor }: Parties,
  explained: Explained,
  judged: JudgedOperation,
): PolicyVerdict {
  const { schema, access } = explained;
  const { operation, id, record } = judged;
  const caller = callerFor(actor, access, operation);
  const unseen =
    id !== undefined &&
    (operation === 'delete'
      ? !policiesNeedRecord(access)
      : operation === 'update' && record !== undefined && !needsRecord(schema, access, record));
  const uses = record && Object.keys(record);
  return say(explained, judged, caller, (policy) => {
    if (isStanding(policy)) return outcomeOf(() => requireStanding([policy], caller));
    return unseen
      ? outcomeOf(() => judgeUnseen({ ctx: actor, caller, access: only(access, policy) }, uses))
      : 'none';
  });
}

/** All of them, held against the record: by the judgements of the endpoints, one policy at a time. */
export async function explainPolicies(
  parties: Parties,
  explained: Explained,
  judged: JudgedOperation,
): Promise<PolicyVerdict> {
  const { actor } = parties;
  const { access } = explained;
  const caller = callerFor(actor, access, judged.operation);
  const judge = await judgeOf(parties, explained, judged, caller);
  return say(explained, judged, caller, (policy) =>
    isStanding(policy) ? outcomeOf(() => requireStanding([policy], caller)) : judge(policy),
  );
}

/** The access as if the schema had this policy alone. */
function only(access: Access, policy: CompiledPolicy): Access {
  const one = (policies: readonly CompiledPolicy[]) => policies.filter((each) => each === policy);
  return { ...access, policies: one(access.policies), readPolicies: one(access.readPolicies) };
}

async function judgeOf(
  { actor }: Parties,
  { schema, access }: Explained,
  { operation, id, record }: JudgedOperation,
  caller: Caller,
): Promise<(policy: CompiledPolicy) => Outcome> {
  const writerOf = (policy: CompiledPolicy): Writer => ({
    ...{ ctx: actor, caller },
    access: only(access, policy),
  });
  if (operation === 'create') {
    if (record === undefined) return () => 'none';
    const values = withDefaults(schema, record);
    const newId = id ?? actor.deps.newId();
    return (policy) =>
      outcomeOf(() => judgeCreate(writerOf(policy), newId, values, Object.keys(record)));
  }
  if (id === undefined) return () => 'none';
  const session = sessionOf(actor, schema, access);
  if (operation !== 'update' && operation !== 'delete') {
    const plan = planDenials(schema, access, { deletedToo: operation === 'history' });
    const callerAt = callersAt(actor, schema, access, operation);
    const [result] = await actor.deps.pipeline.transact(session, [
      compileDenials(plan, id, callerAt),
    ]);
    const held = result?.rows[0]?.['held'] as readonly string[] | undefined;
    return (policy) => {
      const place = plan.policies.indexOf(policy);
      if (held === undefined || place === -1) return 'none';
      return held[place] === 'true' ? 'allow' : 'deny';
    };
  }
  const current = await readRecord(actor, session, schema, id);
  if (current === undefined) return () => 'none';
  const changes = record && mergeInto(schema, current.values, record);
  return (policy) =>
    outcomeOf(() => {
      const writer = writerOf(policy);
      judgeReadable(writer, current);
      if (operation === 'delete') judgeDelete(writer, current);
      else if (changes !== undefined) judgeChange(writer, current, changes, Object.keys(changes));
    });
}

function outcomeOf(judge: () => void): Outcome {
  try {
    judge();
    return 'allow';
  } catch (error) {
    if (error instanceof VelocityError && error.code === 'POLICY_DENIED') return 'deny';
    throw error;
  }
}

function say(
  explained: Explained,
  judged: JudgedOperation,
  caller: Caller,
  judge: (policy: CompiledPolicy) => Outcome,
): PolicyVerdict {
  const { access } = explained;
  const asked = [...new Set([...access.readPolicies, ...access.policies])];
  const rules = asked.map((policy) => reasonOf(explained, judged, caller, policy, judge(policy)));
  return { rules, denied: rules.some(({ effect }) => effect === 'deny') };
}

function reasonOf(
  explained: Explained,
  judged: JudgedOperation,
  caller: Caller,
  policy: CompiledPolicy,
  effect: Outcome,
): RuleReason {
  const { schema } = explained;
  const unasked = judged.id === undefined ? 'decides record by record' : 'was not asked';
  const told = { allow: 'holds', deny: policy.message, none: unasked } as const;
  const values = valuesOf(explained, judged, caller, policy);
  return {
    ...policyReason(schema, policy.name, told[effect]),
    effect,
    ...(Object.keys(values).length > 0 && { values }),
  };
}

/** What the condition looks at: of the record as the asker sees it, of the actor as the actor is. */
function valuesOf(
  { sight, isSelf }: Explained,
  { record, seen }: JudgedOperation,
  caller: Caller,
  { cel }: CompiledPolicy,
): Record<string, unknown> {
  if (cel === undefined) return {};
  const values: Record<string, unknown> = {};
  let open = true;
  for (const [root, from] of [
    ['self', { ...seen, ...record }],
    ['old', seen ?? {}],
  ] as const) {
    for (const field of fieldsOf(cel, root)) {
      if (!sight.knows(field)) {
        open = false;
        continue;
      }
      const given = root === 'self' && record !== undefined && Object.hasOwn(record, field);
      if (!given && !sight.sees(field)) open = false;
      if (given || field in from) {
        values[`${root}.${field}`] = given || sight.sees(field) ? from[field] : hiddenValue;
      }
    }
  }
  // An attribute would tell what it is compared with.
  for (const root of ['actor', 'actor.attributes', 'request'] as const) {
    const found = caller.bindings[root] as Readonly<Record<string, unknown>> | undefined;
    for (const name of fieldsOf(cel, root)) {
      values[`${root}.${name}`] = isSelf || open ? (found?.[name] ?? null) : hiddenValue;
    }
  }
  return values;
}
