import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';

/** Properties of a field that live in the table: changing one of them needs a migration. */
const tableProperties = [
  'type',
  'required',
  'unique',
  'default',
  'min',
  'max',
  'maxLength',
  'precision',
  'scale',
  'enumValues',
  'ref',
] as const satisfies readonly (keyof Field)[];

/**
 * What of a change this release cannot do to a table that serves, as one sentence that names every
 * obstacle; undefined when optional fields and indexes are all that the table gains.
 */
export function refusedChange(
  active: SchemaDefinitionSpec,
  desired: SchemaDefinitionSpec,
): { reason: string; message: string } | undefined {
  const obstacles = [
    ...versionChange(active, desired),
    ...removedFields(active, desired),
    ...addedFields(active, desired),
    ...changedFields(active, desired),
    ...addedUniqueIndexes(active, desired),
  ];
  if (obstacles.length === 0) return undefined;
  return {
    reason: 'MigrationNotSupported',
    message: `the active revision goes on serving, because this release cannot ${obstacles.join('; nor ')}. Put it back, or add a new optional field beside it`,
  };
}

function versionChange(active: SchemaDefinitionSpec, desired: SchemaDefinitionSpec): string[] {
  return active.version === desired.version
    ? []
    : [`move from version ${active.version} to ${desired.version}`];
}

function removedFields(active: SchemaDefinitionSpec, desired: SchemaDefinitionSpec): string[] {
  const names = new Set(desired.fields.map((field) => field.name));
  return active.fields
    .filter((field) => !names.has(field.name))
    .map((field) => `drop the field ${field.name}`);
}

function addedFields(active: SchemaDefinitionSpec, desired: SchemaDefinitionSpec): string[] {
  const names = new Set(active.fields.map((field) => field.name));
  return desired.fields
    .filter((field) => !names.has(field.name))
    .flatMap((field) => {
      if (field.renamedFrom !== undefined) return [`rename ${field.renamedFrom} to ${field.name}`];
      if (field.required === true) return [`add the required field ${field.name}`];
      if (field.unique === true) return [`add the unique field ${field.name}`];
      return [];
    });
}

function changedFields(active: SchemaDefinitionSpec, desired: SchemaDefinitionSpec): string[] {
  const before = new Map(active.fields.map((field) => [field.name, field]));
  return desired.fields.flatMap((field) => {
    const old = before.get(field.name);
    if (old === undefined) return [];
    return tableProperties
      .filter((property) => !same(old[property], field[property]))
      .map(
        (property) =>
          `change ${property} of ${field.name} from ${show(old[property])} to ${show(field[property])}`,
      );
  });
}

function addedUniqueIndexes(active: SchemaDefinitionSpec, desired: SchemaDefinitionSpec): string[] {
  const key = (index: NonNullable<SchemaDefinitionSpec['indexes']>[number]): string =>
    JSON.stringify(index.fields);
  const before = new Set((active.indexes ?? []).filter((index) => index.unique === true).map(key));
  return (desired.indexes ?? [])
    .filter((index) => index.unique === true && !before.has(key(index)))
    .map(
      (index) => `add a unique index over ${index.fields.map((field) => field.name).join(', ')}`,
    );
}

/** Absent and false mean the same in every property compared here. */
function same(before: unknown, after: unknown): boolean {
  const plain = (value: unknown): string =>
    JSON.stringify(value === false ? null : (value ?? null));
  return plain(before) === plain(after);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
