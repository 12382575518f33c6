import type { PlacedConstraint } from './compare-constraints.ts';
import { quoteIdentifier } from './identifier.ts';
import type { ChangeInput, PlacedField } from './placed-field.ts';
import type { ValidationRule } from './validation-rule.ts';
import { ruleCheck, ruleName, validationRules } from './validation-rule.ts';

interface ComparedRules {
  readonly made: readonly (PlacedConstraint & { readonly rule: ValidationRule })[];
  readonly gone: readonly string[];
  /** Old name, new name. */
  readonly renamed: readonly (readonly [string, string])[];
}

/** Which rules the table keeps to already, under what name, and which are new or not wanted. */
export function comparedRules(
  { active, desired, pgTable, activeType, desiredType, liveConstraints }: ChangeInput,
  placed: readonly PlacedField[],
): ComparedRules {
  const columns = new Map(placed.map(({ field, column }) => [field.name, column]));
  const old = new Map(
    validationRules(active.spec, activeType)
      .map((rule) => [ruleCheck(rule, quoteIdentifier), ruleName(pgTable, rule)] as const)
      .filter(([, name]) => liveConstraints.has(name)),
  );
  const made = new Map<string, ComparedRules['made'][number]>();
  const renamed: [string, string][] = [];
  const kept = new Set<string>();
  for (const rule of validationRules(desired, desiredType)) {
    const name = ruleName(pgTable, rule);
    const check = ruleCheck(rule, (field) => columns.get(field) ?? quoteIdentifier(field));
    const known = old.get(check);
    if (known === undefined)
      made.set(name, { name, definition: `check (${check})`, lasting: true, rule });
    else if (known !== name) renamed.push([known, name]);
    if (known !== undefined) kept.add(known);
  }
  return {
    made: [...made.values()],
    renamed,
    gone: [...old.values()].filter((name) => !kept.has(name)),
  };
}
