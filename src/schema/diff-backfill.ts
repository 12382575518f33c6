import { backfillEnvironment, conversionUntil, planBackfill } from './backfill.ts';
import type { DiffInput, FieldChange } from './diff.ts';
import { limitChanges } from './limit-changes.ts';

/**
 * Fields whose existing records get a value from their `backfill`: those that are new, required from
 * now on, or narrowed, by limits or by a type that does not take every value. Values that still fit
 * stay; elsewhere it says nothing.
 */
export function fillBack(fields: readonly FieldChange[], input: DiffInput): readonly FieldChange[] {
  if (fields.every(({ field }) => field.backfill === undefined)) return fields;
  const before = new Map(fields.map(({ field, prior }) => [field.name, prior?.name ?? field.name]));
  const environment = backfillEnvironment(input.active.fields, input.activeType, before);
  const own = new Set(input.active.fields.map(({ name }) => name));
  const columnOf = (name: string): string => (own.has(name) ? name : (before.get(name) ?? name));
  return fields.map((change) => {
    const { field, prior, type, priorType, conversion } = change;
    if (field.backfill === undefined) return change;
    const moved = prior !== undefined && isNarrowed(change);
    const required = field.required === true && prior?.required !== true;
    if (prior !== undefined && !moved && !required) return change;
    const planned = planBackfill(field, type, environment, columnOf);
    if ('refused' in planned) {
      return { ...change, unusable: `its backfill does not work: ${planned.refused}` };
    }
    const backfill = planned.ok;
    if (!moved || priorType === undefined) return { ...change, backfill };
    const types = { from: priorType, to: type };
    return { ...change, backfill, conversion: conversionUntil(field, types, conversion) };
  });
}

function isNarrowed({ field, prior, type, priorType, conversion }: FieldChange): boolean {
  if (prior === undefined) return false;
  return priorType === type
    ? limitChanges(field, prior).tighter.length > 0
    : conversion?.exact !== true;
}
