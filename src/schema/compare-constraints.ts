import type { Field } from '../contract/kinds.ts';
import { comparedRules } from './compare-rules.ts';
import { checkName, foreignKeyName } from './compile.ts';
import { quoteIdentifier, quoteQualified } from './identifier.ts';
import type { ChangeInput, PlacedField } from './placed-field.ts';
import { isProven, presenceName, referenceOf } from './placed-field.ts';
import { checkOf } from './record-table.ts';

export interface PlacedConstraint {
  /** What it is called after the swap. */
  readonly name: string;
  /** Behind `add constraint name`. */
  readonly definition: string;
  /** Also after the swap; the proof that a column has no nulls is not wanted any more. */
  readonly lasting: boolean;
}

/** Constraints that the new revision has and the active one has not, or has otherwise. */
export function newConstraints(
  input: ChangeInput,
  placed: readonly PlacedField[],
): PlacedConstraint[] {
  const { pgTable } = input;
  const ofFields = placed.flatMap((one) => {
    const { field, prior, type, priorType, column, fresh } = one;
    const found: PlacedConstraint[] = [];
    const check = checkOf(pgTable, field, type, column);
    const before =
      prior === undefined || fresh
        ? undefined
        : checkOf(pgTable, prior, priorType ?? type, column)?.expression;
    if (check !== undefined && check.expression !== before) {
      const definition = `check (${check.expression})`;
      found.push({ name: check.name, definition, lasting: true });
    }
    if (isProven(one)) {
      const definition = `check (${column} is not null)`;
      found.push({
        name: presenceName(pgTable, field),
        definition,
        lasting: false,
      });
    }
    const reference = referenceOf(input, field);
    if (reference !== undefined && (fresh || !leadsToSame(prior, field))) {
      const { targetNamespace, targetTable, targetColumn } = reference;
      const target = `${quoteQualified(targetNamespace, targetTable)} (${quoteIdentifier(targetColumn)})`;
      const name = foreignKeyName(pgTable, field.name);
      const definition = `foreign key (${column}) references ${target}`;
      found.push({ name, definition, lasting: true });
    }
    return found;
  });
  return [...ofFields, ...comparedRules(input, placed).made];
}

/** Names of constraints that the active revision has and the new one has not, or has otherwise. */
export function goneConstraints(
  input: ChangeInput,
  placed: readonly PlacedField[],
): readonly string[] {
  const { active, pgTable, activeType } = input;
  const names: string[] = [];
  for (const prior of active.spec.fields) {
    const kept = placed.find((one) => one.prior === prior && !one.fresh);
    if (kept === undefined) continue;
    const before = checkOf(pgTable, prior, activeType(prior), kept.column);
    const after = checkOf(pgTable, kept.field, kept.type, kept.column);
    if (before !== undefined && before.expression !== after?.expression) names.push(before.name);
    if (prior.ref !== undefined && !leadsToSame(prior, kept.field)) {
      names.push(foreignKeyName(pgTable, prior.name));
    }
  }
  return [...names, ...comparedRules(input, placed).gone];
}

/** Constraints that stay as they are under the name of a renamed field: old name, new name. */
export function renamedConstraints(
  input: ChangeInput,
  placed: readonly PlacedField[],
): readonly (readonly [string, string])[] {
  const { pgTable, activeType } = input;
  const names: [string, string][] = [];
  for (const { field, prior, type, column, fresh } of placed) {
    if (prior === undefined || fresh || prior.name === field.name) continue;
    const before = checkOf(pgTable, prior, activeType(prior), column)?.expression;
    if (before !== undefined && before === checkOf(pgTable, field, type, column)?.expression) {
      names.push([checkName(pgTable, prior.name), checkName(pgTable, field.name)]);
    }
    if (prior.ref !== undefined && leadsToSame(prior, field)) {
      names.push([foreignKeyName(pgTable, prior.name), foreignKeyName(pgTable, field.name)]);
    }
  }
  return [...names, ...comparedRules(input, placed).renamed];
}

function leadsToSame(prior: Field | undefined, field: Field): boolean {
  const path = (one: Field | undefined): string =>
    JSON.stringify([
      one?.ref?.org,
      one?.ref?.app,
      one?.ref?.domain,
      one?.ref?.object,
      one?.ref?.version,
      one?.ref?.key ?? 'id',
    ]);
  return path(prior) === path(field);
}
