import { shapeHash } from '../../query/compiled-statement.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import { quoteIdentifier } from '../../schema/identifier.ts';
import type { Statement } from '../../store/statement.ts';
import type { GuardedReferences } from '../guarded-references.ts';
import type { RecordValues } from '../record-input.ts';
import { bumped, guardReference, tableOf } from './write-one.ts';

export interface NewRow {
  readonly id: string;
  readonly values: RecordValues;
}

export interface ChangedRow {
  readonly id: string;
  /** Undefined: whatever version it is at. */
  readonly version: number | undefined;
  readonly values: RecordValues;
}

/** What became of one row of a set: its new version, or why not. */
export interface SetOutcome {
  readonly id: string;
  readonly version: number | null;
  /** Of a live record that the caller sees: it was stale, not missing. */
  readonly current: number | null;
}

/** One INSERT however many rows: the rows travel as one JSON parameter. */
export function insertRecords(
  schema: CompiledSchema,
  rows: readonly NewRow[],
  guarded: GuardedReferences,
): Statement {
  const columns = schema.userFields.map((field) => quoteIdentifier(field.name));
  const types = schema.userFields.map(
    (field) => `${quoteIdentifier(field.name)} ${field.columnType}`,
  );
  const values = schema.userFields.map((field) =>
    guardedValue(field, `r.${quoteIdentifier(field.name)}`, guarded, false),
  );
  // The time and the actor are asked once and not by the column's default for each row.
  const text = `
    insert into ${tableOf(schema)} as t (id, ${columns.join(', ')}, created_at, created_by, updated_at, updated_by)
    select r."_id", ${values.join(', ')}, c.at, c.actor, c.at, c.actor
      from json_to_recordset($1::json) as r ("_id" uuid, ${types.join(', ')})
     cross join (select platform.occurred_at() as at, platform.actor() as actor offset 0) as c`;
  return named(schema, 'insert-many', text, [
    // The id is spliced into the text: a copy of each row to add one member took a third longer.
    `[${rows.map((row) => `{"_id":"${row.id}",${JSON.stringify(setValues(schema, row.values)).slice(1)}`).join(',')}]`,
  ]);
}

/**
 * One UPDATE however many rows, each changing the fields that it names. With `refusing`, a row that
 * is stale or missing fails the transaction (VE030, VE031); without, it is told in the outcome.
 */
export function updateRecords(
  schema: CompiledSchema,
  rows: readonly ChangedRow[],
  guarded: GuardedReferences,
  refusing: boolean,
): Statement {
  const names = new Set(rows.flatMap((row) => Object.keys(row.values)));
  const fields = schema.userFields.filter((field) => names.has(field.name));
  const types = fields
    .map((field) => `, ${quoteIdentifier(field.name)} ${field.columnType}`)
    .join('');
  const changes = fields.map((field) => {
    const column = quoteIdentifier(field.name);
    return `${column} = case when i."_names" ? '${field.name}' then ${guardedValue(field, `i.${column}`, guarded, true)} else t.${column} end`;
  });
  return changeMany(schema, 'update-many', {
    types: `"_names" jsonb${types}`,
    changes,
    refusing,
    rows: rows.map((row) => ({
      ...identify(row),
      _names: Object.keys(row.values),
      ...setValues(schema, row.values),
    })),
  });
}

/** One soft delete however many rows. */
export function deleteRecords(
  schema: CompiledSchema,
  rows: readonly Omit<ChangedRow, 'values'>[],
  refusing: boolean,
): Statement {
  return changeMany(schema, 'delete-many', {
    types: '"_names" jsonb',
    changes: ['deleted_at = platform.occurred_at()'],
    refusing,
    rows: rows.map((row) => ({ ...identify(row), _names: [] })),
  });
}

/**
 * Rows are locked in the order of their ids before any is changed: two bulks over the same records
 * wait for each other, where in the order of their input they would deadlock.
 */
function changeMany(
  schema: CompiledSchema,
  operation: string,
  set: {
    readonly types: string;
    readonly changes: readonly string[];
    readonly refusing: boolean;
    readonly rows: readonly Record<string, unknown>[];
  },
): Statement {
  const missed = `(select x.version from ${tableOf(schema)} x where x.id = i."_id" and x.deleted_at is null)`;
  const outcome = set.refusing
    ? `coalesce(c.version, platform.refuse(case when ${missed} is null then 'VE031' else 'VE030' end, i."_id"::text, 0::bigint)) as version,
       null::bigint as current`
    : `c.version, case when c.version is null then ${missed} end as current`;
  const text = `
    with input as materialized (
      select * from json_to_recordset($1::json) as i ("_place" integer, "_id" uuid, "_version" bigint, ${set.types})
    ), locked as materialized (
      select l.id from ${tableOf(schema)} l
       where l.id in (select "_id" from input) and l.deleted_at is null
       order by l.id for update
    ), changed as (
      update ${tableOf(schema)} as t
         set ${[...set.changes, ...bumped].join(', ')}
        from input i join locked l on l.id = i."_id"
       where t.id = l.id and t.deleted_at is null and (i."_version" is null or t.version = i."_version")
      returning t.id, t.version
    )
    select i."_id" as id, ${outcome}
      from input i left join changed c on c.id = i."_id"
     order by i."_place"`;
  return named(schema, operation, text, [
    JSON.stringify(set.rows.map((row, place) => ({ _place: place, ...row }))),
  ]);
}

function identify(row: Omit<ChangedRow, 'values'>): Record<string, unknown> {
  return { _id: row.id, _version: row.version ?? null };
}

/** Validated values as json_to_recordset reads them: only a point is written differently. */
function setValues(schema: CompiledSchema, values: RecordValues): RecordValues {
  if (!schema.userFields.some((field) => field.type === 'geopoint')) return values;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (schema.fields.get(name)?.type !== 'geopoint' || value === null) return [name, value];
      const { lat, lon } = value as { lat: number; lon: number };
      return [name, `(${lon},${lat})`];
    }),
  );
}

function guardedValue(
  field: CompiledField,
  value: string,
  guarded: GuardedReferences,
  changing: boolean,
): string {
  const target = guarded.get(field.name);
  return target === undefined ? value : guardReference(field, target, value, changing);
}

function named(
  schema: CompiledSchema,
  operation: string,
  text: string,
  values: readonly unknown[],
): Statement {
  return { name: `${operation}.${shapeHash(`${schema.statementPrefix}\n${text}`)}`, text, values };
}
