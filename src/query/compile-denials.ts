import type { CompiledSchema } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { CallerAt } from './caller-value.ts';
import { withCaller } from './caller-value.ts';
import { compilePlanned } from './compile-condition.ts';
import { tableOf } from './compile-filter.ts';
import { compilePolicy, recordPolicies } from './compile-policy.ts';
import type { CompiledStatement } from './compiled-statement.ts';
import { nameStatement } from './compiled-statement.ts';
import { Parameters } from './parameters.ts';
import type { PlannedCondition } from './plan-condition.ts';
import { planRowFilter } from './plan-condition.ts';
import type { ReadAccess } from './read-access.ts';

interface DenialsPlan {
  readonly schema: CompiledSchema;
  readonly rowFilter: PlannedCondition | undefined;
  readonly policies: readonly CompiledPolicy[];
  /** History shows what was deleted; everything else is about what is there. */
  readonly deletedToo: boolean;
}

/** The policies of an access as questions about one record. */
export function planDenials(
  schema: CompiledSchema,
  { rowFilter, policies }: ReadAccess,
  { deletedToo }: { readonly deletedToo: boolean },
): DenialsPlan {
  return {
    ...{ schema, deletedToo, policies: recordPolicies(policies) },
    rowFilter: rowFilter && planRowFilter(schema, rowFilter),
  };
}

/**
 * Which of the policies let a record through: a row with `held`, one boolean for each, or none where
 * the caller's row filter hides the record.
 */
export function compileDenials(
  { schema, rowFilter, policies, deletedToo }: DenialsPlan,
  id: string,
  callerAt: CallerAt,
): CompiledStatement {
  const parameters = new Parameters();
  const conditions = [`t."id" = ${parameters.add(id, 'uuid')}`];
  if (rowFilter !== undefined) conditions.push(compilePlanned(rowFilter, 't', parameters));
  if (!deletedToo) conditions.push('t."deleted_at" is null');
  const held = policies.map((policy) => `(${compilePolicy(policy, 't', parameters)}) is true`);
  const text = `select array[${held.join(', ')}]::text[] as held from ${tableOf(schema)} t where ${conditions.join(' and ')}`;
  return withCaller(nameStatement({ schema, operation: 'denials', text }, parameters), callerAt);
}

/** The first policy that denied, of the row that the statement answered. */
export function findDenied(
  policies: readonly CompiledPolicy[],
  row: Readonly<Record<string, unknown>>,
): CompiledPolicy | undefined {
  const held = row['held'] as readonly string[];
  return policies.find((_, place) => held[place] !== 'true');
}
