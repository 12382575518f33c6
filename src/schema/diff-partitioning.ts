import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { ChangeKind, FieldChange, SchemaChange } from './diff.ts';
import type { TablePartitioning } from './partitioning.ts';
import { partitioningOf } from './partitioning.ts';

/** What may change together with the partitions, since the table itself stays as it is. */
const besides: readonly ChangeKind[] = ['changeRowFilters', 'changeAudit', 'changeRules'];

interface PartitioningInput {
  readonly active: SchemaDefinitionSpec;
  readonly desired: SchemaDefinitionSpec;
  readonly fields: readonly FieldChange[];
  /** Tables whose records refer to these, by any column. */
  readonly referrers: readonly string[];
  /** Everything else that changes. */
  readonly others: readonly SchemaChange[];
}

/** From one table to partitions, back, or to others: all of it is a table made beside, and swapped. */
export function* partitioningChanges(input: PartitioningInput): Iterable<SchemaChange> {
  const { active, desired, fields, referrers, others } = input;
  const before = partitioningOf(active);
  const after = partitioningOf(desired);
  const key = fields.find(({ prior, field }) => (prior ?? field).name === before?.field);
  const carried = before && { ...before, field: key?.field.name ?? before.field };
  if (shapeOf(carried) !== shapeOf(after)) {
    const refused = refusalOf(after, referrers, others);
    yield {
      kind: 'changePartitioning',
      class: 'online',
      summary: describe(after),
      ...(refused !== undefined && { refused }),
    };
    return;
  }
  if (after === undefined) return;
  if (key?.conversion !== undefined) {
    const refused = `it decides which partition a record is in. Set partitioning.enabled: false first, change the type, and partition again: three changes, one after the other`;
    const summary = `change the type of ${after.field}`;
    yield { kind: 'changePartitioning', class: 'online', summary, field: after.field, refused };
  }
  if (after.strategy === 'range' && before?.months !== after.months) {
    const summary = `make partitions of ${after.months} month${after.months === 1 ? '' : 's'} from the first month on that has none`;
    yield { kind: 'changeInterval', class: 'safe', summary };
  }
}

function refusalOf(
  after: TablePartitioning | undefined,
  referrers: readonly string[],
  others: readonly SchemaChange[],
): string | undefined {
  if (after !== undefined && referrers.length > 0) {
    return `records of ${referrers.join(', ')} refer to it, and a partitioned table keeps no key that they could. Drop those references first`;
  }
  const more = others.filter(({ kind }) => !besides.includes(kind));
  if (more.length === 0) return undefined;
  return `the table is copied as it is, and this would change it too: ${more.map(({ summary }) => summary).join('; ')}. Make that change first, or after`;
}

function shapeOf(partitioning: TablePartitioning | undefined): string {
  return partitioning === undefined ? '' : `${partitioning.strategy} ${partitioning.field}`;
}

function describe(after: TablePartitioning | undefined): string {
  if (after === undefined) return 'put all records into one table again';
  const { field, strategy } = after;
  return `partition the table by ${strategy} of ${field}; it is copied beside the traffic`;
}
