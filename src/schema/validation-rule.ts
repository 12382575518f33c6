import { createHash } from 'node:crypto';
import type { CheckedCel } from '../cel/check.ts';
import { checkCel } from '../cel/check.ts';
import type { CelEnvironment } from '../cel/environment.ts';
import { actorFields, recordFields } from '../cel/environment.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import { celToSql } from '../cel/to-sql.ts';
import type { Field, SchemaDefinitionSpec, Validation } from '../contract/kinds.ts';
import { postgresName, quoteIdentifier, quoteLiteral } from './identifier.ts';

/** A validation of either type as the one expression that the API evaluates and the table is held to. */
export interface ValidationRule {
  readonly type: Validation['type'];
  readonly cel: CheckedCel;
  /** The fields that it looks at. */
  readonly fields: readonly string[];
  readonly message: string;
}

/** A validation that no CHECK can say, since it looks at who writes, at the record before, or into lists. */
export interface WriteRule extends ValidationRule {
  /** It looks at the record before the change, so it says nothing of a new one. */
  readonly needsOld: boolean;
  /** Milliseconds that its author gives it; undefined: as many as any. */
  readonly limitMs: number | undefined;
}

const operators: Readonly<Record<string, string>> = {
  ...{ eq: '==', neq: '!=', lt: '<', lte: '<=', gt: '>', gte: '>=' },
};

/** What a validation says in CEL. One of type `compare` passes where a side has no value. */
export function validationSource({ type, rule = '', left, operator, right }: Validation): string {
  if (type === 'cel') return rule;
  return `!has(self.${left}) || !has(self.${right}) || self.${left} ${operators[operator ?? '']} self.${right}`;
}

/** What a validation may name. */
export function validationEnvironment(
  fields: readonly Field[],
  typeOf: (field: Field) => string,
): CelEnvironment {
  const record = recordFields(fields, typeOf);
  return new Map([
    ['self', record],
    ['old', record],
    ['actor', actorFields],
  ]);
}

/** Rules of a schema that the table is held to; what admission would not let through is no rule. */
export function validationRules(
  spec: Pick<SchemaDefinitionSpec, 'fields' | 'validations'>,
  typeOf: (field: Field) => string,
): readonly ValidationRule[] {
  return allRules(spec, typeOf).flatMap(({ rule, isCheck }) => (isCheck ? [rule] : []));
}

/** The others: the API alone holds writes to them. */
export function writeRules(
  spec: Pick<SchemaDefinitionSpec, 'fields' | 'validations'>,
  typeOf: (field: Field) => string,
): readonly WriteRule[] {
  return allRules(spec, typeOf).flatMap(({ rule, isCheck, validation }) => {
    if (isCheck) return [];
    const before = fieldsOf(rule.cel, 'old');
    const fields = [...new Set([...rule.fields, ...before])];
    return [{ ...rule, fields, needsOld: before.length > 0, limitMs: validation.maxExecutionMs }];
  });
}

interface FoundRule {
  readonly rule: ValidationRule;
  readonly isCheck: boolean;
  readonly validation: Validation;
}

function allRules(
  { fields, validations = [] }: Pick<SchemaDefinitionSpec, 'fields' | 'validations'>,
  typeOf: (field: Field) => string,
): readonly FoundRule[] {
  if (validations.length === 0) return [];
  const environment = validationEnvironment(fields, typeOf);
  return validations.flatMap((validation) => {
    const checked = checkCel(validationSource(validation), environment);
    if (!('ok' in checked) || checked.ok.type !== 'bool') return [];
    const { type, left, operator, right } = validation;
    const said =
      type === 'cel' ? `must fulfil ${validation.rule}` : `${left} must be ${operator} ${right}`;
    const message = validation.message ?? said;
    const rule = { type, cel: checked.ok, fields: fieldsOf(checked.ok), message };
    return [{ rule, isCheck: isCheckable(checked.ok), validation }];
  });
}

/** Whether a table can be held to it. */
function isCheckable(cel: CheckedCel): boolean {
  return 'sql' in celToSql(cel, quoteIdentifier, quoteLiteral);
}

/** What the constraint of a rule is called begins so; the table makes it unlike those of others. */
export const rulePrefix = 'rule_';

/** Same rule, same name, wherever it stands in the list. */
export function ruleName(table: string, { cel }: ValidationRule): string {
  const digest = createHash('sha256').update(cel.source).digest('hex').slice(0, 10);
  return postgresName(`${rulePrefix}${digest}`, table);
}

/** The rule as a CHECK: anything but true refuses the row. */
export function ruleCheck({ cel }: ValidationRule, columnOf: (field: string) => string): string {
  const compiled = celToSql(cel, columnOf, quoteLiteral);
  if ('unsupported' in compiled)
    throw new Error(`"${cel.source}" was admitted: ${compiled.unsupported}`);
  return `(${compiled.sql}) is true`;
}
