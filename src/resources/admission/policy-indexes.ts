import type { Field, SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { warn } from './finding.ts';

/**
 * The condition of a row filter is in every statement of its role, and in the policy of the table. One
 * over a column that no index begins with reads the whole table for each list and each count.
 */
export function* policyIndexes({ spec }: SchemaDefinition): Iterable<Finding> {
  const leading = new Set([
    'id',
    ...spec.fields.filter(isIndexed).map(({ name }) => name),
    ...(spec.indexes ?? [])
      .filter(({ where }) => where === undefined)
      .flatMap(({ fields }) => fields.slice(0, 1).map(({ name }) => name)),
  ]);
  const open = new Set(
    (spec.access.rowFilter ?? [])
      .map(({ filter }) => filter.field)
      .filter((name) => !leading.has(name)),
  );
  for (const name of open) {
    yield warn(
      `A row filter looks at "${name}", which no index begins with: every list of its role reads ` +
        'the whole table. Set indexed: true on the field, or declare an index that begins with it.',
    );
  }
}

/** What `plannedIndexes` gives an index of its own. */
function isIndexed({ unique, filterable, indexed, sortable, type }: Field): boolean {
  return [unique, filterable, indexed, sortable].includes(true) || type === 'ref';
}
