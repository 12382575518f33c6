import type { Field, Partitioning, SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import { orderedTypes } from './schema-fields.ts';
import type { AdmissionView } from './view.ts';

/** Each partition is a table that every query over all records opens. */
const listedMax = 100;

/** What each strategy can divide by; `created_at` and `id` are the system's and always there. */
const dividers = {
  range: { types: ['date', 'datetime'], system: 'created_at' },
  list: { types: ['enum', 'boolean'], system: undefined },
  hash: { types: orderedTypes, system: 'id' },
} as const;

/** design.md, section 3: what a table of partitions cannot keep is refused here, with the reason. */
export function* schemaPartitioning(
  schema: SchemaDefinition,
  view: AdmissionView,
): Iterable<Finding> {
  const { partitioning } = schema.spec;
  if (partitioning?.enabled !== true) return;
  if (partitioning.distribution === 'distributed') {
    yield refuse(
      at('spec', 'partitioning', 'distribution'),
      'not-in-this-release',
      'The table: Partitions on several servers are not made in this release.',
      'Set distribution: local; history and audit are kept by triggers, which only one server has.',
    );
  }
  yield* divider(schema, partitioning);
  yield* uniqueness(schema, partitioning);
  yield* referrers(schema, view);
  if (partitioning.retention !== undefined) {
    yield warn(
      'partitioning.retention is declared, but this release does not act upon it yet: dropping a partition purges its records, which archive policies decide about.',
    );
  }
}

function* divider({ spec }: SchemaDefinition, partitioning: Partitioning): Iterable<Finding> {
  const { field: name, strategy } = partitioning;
  const { types, system } = dividers[strategy];
  const fits = (field: Field): boolean =>
    (types as readonly string[]).includes(field.type) && field.required === true;
  const pointer = at('spec', 'partitioning', 'field');
  const usable = [
    ...spec.fields.filter(fits).map((field) => field.name),
    ...(system === undefined ? [] : [system]),
  ];
  const wanted = `Partitions by ${strategy} want a required field of type ${types.join(' or ')}`;
  const hint = `${wanted}${system === undefined ? '' : `, or ${system}`}. Here: ${quoted(usable)}.`;
  const field = spec.fields.find((one) => one.name === name);
  if (field === undefined) {
    if (name === system) return;
    const message = `Partitioning is by "${name}", which is no field that it can use.`;
    yield refuse(pointer, 'partition-field', message, hint);
    return;
  }
  if (!(types as readonly string[]).includes(field.type)) {
    const message = `Partitioning is by ${strategy} of "${name}", which is of type ${field.type}.`;
    yield refuse(pointer, 'partition-field', message, hint);
  } else if (field.required !== true) {
    const message = `Partitioning is by "${name}", which is not required: a record without it would have no place.`;
    yield refuse(pointer, 'partition-field', message, hint);
  }
  const values = field.enumValues?.length ?? 0;
  if (strategy === 'list' && values > listedMax) {
    const message = `"${name}" has ${values} values, and a table has at most ${listedMax} partitions by list.`;
    yield refuse(pointer, 'partition-field', message, 'Use strategy: hash.');
  }
}

function* uniqueness({ spec }: SchemaDefinition, { field }: Partitioning): Iterable<Finding> {
  const hint = `Postgres keeps values unique within a partition: include "${field}" in an index of its own, or do not partition by it.`;
  for (const [i, { name, unique }] of spec.fields.entries()) {
    if (unique !== true || name === field) continue;
    const message = `"${name}" is unique without the partition field "${field}".`;
    yield refuse(at('spec', 'fields', i, 'unique'), 'partition-unique', message, hint);
  }
  for (const [i, { unique, fields }] of (spec.indexes ?? []).entries()) {
    if (unique !== true || fields.some(({ name }) => name === field)) continue;
    const message = `Index ${i} is unique without the partition field "${field}".`;
    yield refuse(at('spec', 'indexes', i, 'unique'), 'partition-unique', message, hint);
  }
}

/** A foreign key wants a unique key of its target, which `id` alone is not any more. */
function* referrers(schema: SchemaDefinition, view: AdmissionView): Iterable<Finding> {
  const { namespace, name } = schema.metadata;
  const referring = view
    .list('SchemaDefinition')
    .filter(({ spec }) =>
      spec.fields.some(
        ({ ref }) =>
          ref !== undefined &&
          `${ref.org}-${ref.app}-${ref.domain}` === namespace &&
          ref.object === name &&
          ref.version === schema.spec.version,
      ),
    )
    .map(({ metadata }) => metadata.name);
  if (referring.length === 0) return;
  const message = `${quoted(referring)} refers to it, and a partitioned schema cannot be the target of a reference.`;
  const hint = 'Hold the id in a field of type uuid there, or do not partition.';
  yield refuse(at('spec', 'partitioning', 'enabled'), 'partition-target', message, hint);
}
