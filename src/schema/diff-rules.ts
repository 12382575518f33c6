import type { DiffInput, FieldChange, SchemaChange } from './diff.ts';
import { quoteIdentifier } from './identifier.ts';
import { ruleCheck, validationRules, validationSource } from './validation-rule.ts';

/** Rules that records must meet from now on, or need not any more; a renamed field changes none. */
export function* ruleChanges(
  { active, desired, activeType, desiredType }: DiffInput,
  fields: readonly FieldChange[],
): Iterable<SchemaChange> {
  const names = new Map(fields.map(({ field, prior }) => [prior?.name, field.name]));
  const before = validationRules(active, activeType).map((rule) => ({
    source: rule.cel.source,
    check: ruleCheck(rule, (name) => quoteIdentifier(names.get(name) ?? `${name} gone`)),
  }));
  const after = validationRules(desired, desiredType).map((rule) => ({
    source: rule.cel.source,
    check: ruleCheck(rule, quoteIdentifier),
  }));
  type Rule = (typeof before)[number];
  const isAmong = (rule: Rule, rules: readonly Rule[]): boolean =>
    rules.some(({ source, check }) => source === rule.source || check === rule.check);
  for (const rule of after) {
    if (isAmong(rule, before)) continue;
    const summary = `refuse records that do not fulfil ${rule.source}`;
    yield { kind: 'addRule', class: 'breaking', summary };
  }
  for (const rule of before) {
    if (isAmong(rule, after)) continue;
    yield { kind: 'dropRule', class: 'safe', summary: `no longer ask for ${rule.source}` };
  }
  const said = new Map(
    (active.validations ?? []).map((one) => [validationSource(one), one.message]),
  );
  const reworded = (desired.validations ?? []).some((one) => {
    const source = validationSource(one);
    return said.has(source) && said.get(source) !== one.message;
  });
  if (reworded) {
    yield { kind: 'changeRules', class: 'safe', summary: 'change what is said of broken rules' };
  }
}
