import type { ChangeInput, PlacedField } from './placed-field.ts';
import { plannedIndexes } from './record-table.ts';

interface ComparedIndexes {
  readonly built: readonly { name: string; unique: boolean; definition: string }[];
  /** Old name, new name. */
  readonly renamed: readonly (readonly [string, string])[];
  readonly gone: readonly string[];
}

/** Which indexes the new revision takes over, under what name, and which it lacks. */
export function comparedIndexes(
  { active, desired, pgTable, activeType, desiredType }: ChangeInput,
  placed: readonly PlacedField[],
): ComparedIndexes {
  const byPrior = new Map(placed.map((one) => [one.prior?.name, one]));
  const byName = new Map(placed.map((one) => [one.field.name, one]));
  // An old index counts as the new one when it covers the same columns, whatever they are called.
  const finalName = (name: string): string => {
    const one = byPrior.get(name);
    return one === undefined || one.fresh ? `${name} gone` : one.field.name;
  };
  const shape = (unique: boolean, definition: string): string => `${unique} ${definition}`;
  const old = new Map(
    plannedIndexes(pgTable, active.spec, activeType, finalName).map(
      ({ unique, definition, name }) => [shape(unique, definition), name],
    ),
  );
  const wanted = plannedIndexes(pgTable, desired, desiredType);
  const working = plannedIndexes(
    pgTable,
    desired,
    desiredType,
    (name) => byName.get(name)?.columnName ?? name,
  );
  const built: { name: string; unique: boolean; definition: string }[] = [];
  const renamed: [string, string][] = [];
  for (const [place, { name, unique, definition, fields }] of wanted.entries()) {
    const key = shape(unique, definition);
    const known = fields.some((field) => byName.get(field)?.fresh === true)
      ? undefined
      : old.get(key);
    if (known === undefined) {
      built.push({ name, unique, definition: working[place]?.definition ?? definition });
      continue;
    }
    old.delete(key);
    if (known !== name) renamed.push([known, name]);
  }
  return { built, renamed, gone: [...old.values()] };
}
