import { createHash } from 'node:crypto';
import type { CheckedCel } from '../cel/check.ts';
import { checkCel } from '../cel/check.ts';
import type { CelEnvironment } from '../cel/environment.ts';
import { recordFields } from '../cel/environment.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import { celToSql } from '../cel/to-sql.ts';
import type { Field, SchemaDefinitionSpec, Validation } from '../contract/kinds.ts';
import { postgresName, quoteLiteral } from './identifier.ts';

/** A validation of either type as the one expression that the API evaluates and the table is held to. */
export interface ValidationRule {
  readonly type: Validation['type'];
  readonly cel: CheckedCel;
  /** The fields that it looks at. */
  readonly fields: readonly string[];
  readonly message: string;
}

const operators: Readonly<Record<string, string>> = {
  ...{ eq: '==', neq: '!=', lt: '<', lte: '<=', gt: '>', gte: '>=' },
};

/** What a validation says in CEL. One of type `compare` passes where a side has no value. */
export function validationSource({ type, rule = '', left, operator, right }: Validation): string {
  if (type === 'cel') return rule;
  return `!has(self.${left}) || !has(self.${right}) || self.${left} ${operators[operator ?? '']} self.${right}`;
}

/** Rules of a schema that admission let through; what it would not let through is no rule. */
export function validationRules(
  spec: Pick<SchemaDefinitionSpec, 'fields' | 'validations'>,
  typeOf: (field: Field) => string,
): readonly ValidationRule[] {
  if (spec.validations === undefined || spec.validations.length === 0) return noRules;
  const environment: CelEnvironment = new Map([['self', recordFields(spec.fields, typeOf)]]);
  return spec.validations.flatMap((validation) => {
    const checked = checkCel(validationSource(validation), environment);
    if (!('ok' in checked) || checked.ok.type !== 'bool') return [];
    const { type, left, operator, right } = validation;
    const said =
      type === 'cel' ? `must fulfil ${validation.rule}` : `${left} must be ${operator} ${right}`;
    const message = validation.message ?? said;
    return [{ type, cel: checked.ok, fields: fieldsOf(checked.ok), message }];
  });
}

const noRules: readonly ValidationRule[] = [];

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
