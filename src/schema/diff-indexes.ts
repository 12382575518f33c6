import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { DiffInput, FieldChange, SchemaChange } from './diff.ts';
import { indexCondition } from './index-condition.ts';

/** Indexes that the schema gains or loses, apart from those of its unique fields. */
export function* indexChanges(
  { active, desired, activeType, desiredType }: DiffInput,
  fields: readonly FieldChange[],
): Iterable<SchemaChange> {
  for (const { field, prior } of fields) {
    if (prior === undefined || field.unique === true || prior.unique === true) continue;
    const [before, after] = [isIndexed(prior), isIndexed(field)];
    const about = { field: field.name };
    if (!before && after) {
      const summary = `index ${field.name}`;
      yield { kind: 'addIndex', class: 'online', summary, ...about };
    } else if (before && !after) {
      const summary = `drop the index of ${field.name}`;
      yield { kind: 'dropIndex', class: 'safe', summary, ...about };
    }
  }
  const renamed = new Map(fields.map(({ field, prior }) => [prior?.name, field.name]));
  const before = new Map(
    composites(active, activeType, (name) => renamed.get(name) ?? name).map((index) => [
      index.key,
      index,
    ]),
  );
  const after = new Map(
    composites(desired, desiredType, (name) => name).map((index) => [index.key, index]),
  );
  for (const [key, { unique, names, some }] of after) {
    if (before.has(key)) continue;
    yield unique
      ? {
          kind: 'addUnique',
          class: 'breaking',
          summary: `keep ${names} unique together${some}`,
        }
      : { kind: 'addIndex', class: 'online', summary: `index ${names}${some}` };
  }
  for (const [key, { unique, names, some }] of before) {
    if (after.has(key)) continue;
    const kind = unique ? 'dropUnique' : 'dropIndex';
    yield { kind, class: 'safe', summary: `drop the index over ${names}${some}` };
  }
}

function isIndexed(field: FieldChange['field']): boolean {
  const { filterable, indexed, sortable, type } = field;
  return filterable === true || indexed === true || sortable === true || type === 'ref';
}

function composites(
  spec: SchemaDefinitionSpec,
  typeOf: DiffInput['activeType'],
  nameOf: (name: string) => string,
) {
  return (spec.indexes ?? []).map((index) => {
    const { fields, unique = false } = index;
    const names = fields.map(({ name }) => nameOf(name));
    const directions = fields.map(({ direction = 'asc' }) => direction);
    const where = indexCondition(index, spec, typeOf)?.sql(nameOf);
    const some = where === undefined ? '' : ` where ${index.where}`;
    return {
      names: names.join(', '),
      some,
      unique,
      key: JSON.stringify([names, directions, unique, where]),
    };
  });
}
