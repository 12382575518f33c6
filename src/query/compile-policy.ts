import type { CelNode, FieldOf } from '../cel/node.ts';
import { sqlTypes } from '../cel/sql-value.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import { policySql } from '../schema/policy.ts';
import { CallerValue } from './caller-value.ts';
import type { Parameters } from './parameters.ts';

/** A policy as a condition over the table `alias`; what has no SQL, which admission refuses, is false. */
export function compilePolicy(
  { cel, path }: CompiledPolicy,
  alias: string,
  parameters: Parameters,
): string {
  if (cel === undefined) return 'false';
  const placeholders = new Map<string, string>();
  const parameterOf = (node: CelNode & FieldOf): string => {
    const key = `${node.root}.${node.field} ${node.type}`;
    const known = placeholders.get(key);
    if (known !== undefined) return known;
    const added = parameters.add(new CallerValue(path, node), sqlTypes[node.type] ?? 'text');
    placeholders.set(key, added);
    return added;
  };
  const compiled = policySql(cel, alias, parameterOf);
  return 'sql' in compiled ? `(${compiled.sql})` : 'false';
}

/** Policies that a query holds for each record: those that one of its fields brings in, and the rest. */
export function recordPolicies(
  policies: readonly CompiledPolicy[] | undefined,
  uses?: ReadonlySet<string>,
): readonly CompiledPolicy[] {
  if (policies === undefined || policies.length === 0) return none;
  return policies.filter(({ needsRecord, fields }) => {
    if (fields === undefined) return needsRecord;
    return uses === undefined || [...fields].some((name) => uses.has(name));
  });
}

const none: readonly CompiledPolicy[] = [];
