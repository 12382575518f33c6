import type { CheckedCel } from '../cel/check.ts';
import { checkCel } from '../cel/check.ts';
import type { CelEnvironment, CelField } from '../cel/environment.ts';
import { actorFields, recordColumns, recordFields, requestFields } from '../cel/environment.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import type { CelSql, InStatement } from '../cel/to-sql.ts';
import { conditionToSql } from '../cel/to-sql.ts';
import type { Field, Operation, Policy, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';

/** A policy of layer 2, ready to be asked. */
export interface CompiledPolicy {
  readonly name: string;
  /** The schema that it is of, by its path: a statement may ask policies of several. */
  readonly path: string;
  readonly action: Operation;
  /** Requests that use none of these are not asked; undefined: all are. */
  readonly fields: ReadonlySet<string> | undefined;
  /** The sentence that a denied caller reads. */
  readonly message: string;
  /** Undefined where admission would not have let it through: then it denies all that it is asked. */
  readonly cel: CheckedCel | undefined;
  /** Whether it depends on a record, as it is or as it would be. */
  readonly needsRecord: boolean;
}

/** Operations that show records; what `read` asks for holds for each of them. */
const showing: ReadonlySet<Operation> = new Set([
  ...(['read', 'history', 'search', 'export', 'audit'] as const),
]);
/** Operations on a record that is there. */
const changing: ReadonlySet<Operation> = new Set([
  ...(['update', 'delete', 'restore', 'archive', 'unarchive'] as const),
]);

/** Whether the operation changes or ends a record that is there. */
export function changesRecord(operation: Operation): boolean {
  return changing.has(operation);
}

/** Whether policies of this action filter records in the database; `*` does, since it covers `read`. */
export function filtersRecords(action: Operation): boolean {
  return showing.has(action) || action === '*';
}

/** What the condition of a policy may name. */
export function policyEnvironment(
  fields: readonly Field[],
  typeOf: (field: Field) => string,
  action: Operation,
): CelEnvironment {
  const record: ReadonlyMap<string, CelField> = new Map([
    ...recordColumns,
    ...recordFields(fields, typeOf),
  ]);
  return new Map([
    ['self', record],
    ...(changing.has(action) ? [['old', record] as const] : []),
    ['actor', actorFields],
    ['request', requestFields],
  ]);
}

export function compilePolicies(
  path: string,
  { access, fields }: Pick<SchemaDefinitionSpec, 'access' | 'fields'>,
  typeOf: (field: Field) => string,
): readonly CompiledPolicy[] {
  return (access.policies ?? []).map((policy) => ({
    path,
    ...compilePolicy(policy, fields, typeOf),
  }));
}

function compilePolicy(
  { name, action, condition, fields: named, message }: Policy,
  fields: readonly Field[],
  typeOf: (field: Field) => string,
): Omit<CompiledPolicy, 'path'> {
  const checked = checkCel(condition, policyEnvironment(fields, typeOf, action));
  const cel = 'ok' in checked && checked.ok.type === 'bool' ? checked.ok : undefined;
  return {
    name,
    action,
    fields: named === undefined ? undefined : new Set(named),
    message: message ?? `Policy "${name}" does not allow this.`,
    cel,
    needsRecord:
      cel === undefined || ['self', 'old'].some((record) => fieldsOf(cel, record).length > 0),
  };
}

/**
 * The policies of an operation, all of which must hold, in the order of the schema. Where there are
 * none nothing is denied here: roles alone decide, which deny by default.
 */
export function policiesOf(
  policies: readonly CompiledPolicy[],
  operation: Operation,
): readonly CompiledPolicy[] {
  return policies.filter(
    ({ action }) =>
      action === operation || action === '*' || (action === 'read' && showing.has(operation)),
  );
}

/** Its condition as SQL over the table `alias`: it holds where that is true. */
export function policySql(
  cel: CheckedCel,
  alias: string,
  parameterOf: InStatement['parameterOf'],
): CelSql {
  const columnOf = (field: string): string => `${quoteIdentifier(alias)}.${quoteIdentifier(field)}`;
  return conditionToSql(cel, columnOf, quoteLiteral, { parameterOf });
}
