import type { Access } from '../../auth/access.ts';
import { shapeHash } from '../../query/compiled-statement.ts';
import { projectRecord } from '../../query/projection.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import { quoteIdentifier, quoteQualified } from '../../schema/identifier.ts';
import type { Statement } from '../../store/statement.ts';
import { columnValue } from '../column-value.ts';
import type { KeptAnswer } from '../idempotent.ts';
import type { RecordValues } from '../record-input.ts';

/** A row that a write answers: none when nothing matched. */
export interface WrittenRow {
  readonly id: string;
  readonly version: number;
  /** The record as JSON text, as the caller may see it. */
  readonly data: string;
  /** False when an upsert found the record there. */
  readonly created: boolean;
}

export interface WriteInput {
  readonly schema: CompiledSchema;
  readonly access: Access;
  readonly values: RecordValues;
  /** Fields whose references must lead to a record that the caller can see. */
  readonly guarded: ReadonlyMap<string, CompiledSchema>;
  readonly keep: KeptAnswer | undefined;
}

/** INSERT of one record under its new id. */
export function insertRecord(input: WriteInput, id: string): Statement {
  const parameters = new Values();
  const idParameter = parameters.add(id, 'uuid');
  const columns = input.schema.userFields.map((field) => quoteIdentifier(field.name));
  const values = input.schema.userFields.map((field) => parameters.field(field, input));
  const insert = `insert into ${tableOf(input.schema)} as t (id, ${columns.join(', ')})
    values (${[idParameter, ...values].join(', ')})
    returning ${answerOf(input, 'true')}`;
  return finish(input, 'insert', insert, parameters);
}

/**
 * INSERT, or UPDATE of the record that has the same value in a unique field. Only the fields that
 * were given change; a deleted record keeps its value and refuses.
 */
export function upsertRecord(
  input: WriteInput,
  id: string,
  onConflict: CompiledField,
  given: ReadonlySet<string>,
): Statement {
  const parameters = new Values();
  const idParameter = parameters.add(id, 'uuid');
  const columns = input.schema.userFields.map((field) => quoteIdentifier(field.name));
  const values = input.schema.userFields.map((field) => parameters.field(field, input));
  const changes = input.schema.userFields
    .filter((field) => given.has(field.name) && field.name !== onConflict.name)
    .map((field) => {
      const column = quoteIdentifier(field.name);
      const refused = `platform.refuse('VE022', ${literal(field.name)}, excluded.${column})`;
      const same =
        field.type === 'geopoint'
          ? `t.${column} ~= excluded.${column}`
          : `t.${column} is not distinct from excluded.${column}`;
      return field.spec.immutable === true
        ? `${column} = case when ${same} then t.${column} else ${refused} end`
        : `${column} = excluded.${column}`;
    });
  const insert = `insert into ${tableOf(input.schema)} as t (id, ${columns.join(', ')})
    values (${[idParameter, ...values].join(', ')})
    on conflict (${quoteIdentifier(onConflict.name)}) do update
      set ${[...changes, ...bumped].join(', ')}
      where t.deleted_at is null
    returning ${answerOf(input, '(t.version = 1)')}`;
  return finish(input, 'upsert', insert, parameters);
}

/** UPDATE of one live record; with `version`, only if it is still at that one. No row: look why. */
export function updateRecord(
  input: WriteInput,
  id: string,
  version: number | undefined,
): Statement {
  const parameters = new Values();
  const where = whereOf(parameters, id, version);
  const changes = Object.keys(input.values)
    .map((name) => input.schema.fields.get(name))
    .filter((field) => field !== undefined)
    .map((field) => `${quoteIdentifier(field.name)} = ${parameters.field(field, input)}`);
  const update = `update ${tableOf(input.schema)} as t set ${[...changes, ...bumped].join(', ')}
    where ${where} returning ${answerOf(input, 'false')}`;
  return finish(input, 'update', update, parameters);
}

/** The soft delete of one live record. */
export function deleteRecordRow(
  input: WriteInput,
  id: string,
  version: number | undefined,
): Statement {
  const parameters = new Values();
  const where = whereOf(parameters, id, version);
  const update = `update ${tableOf(input.schema)} as t set deleted_at = platform.occurred_at(), ${bumped.join(', ')}
    where ${where} returning t.id, t.version, ''::text as data, false as created`;
  return finish(input, 'delete', update, parameters);
}

/** The version of a live record that the caller may see: tells a stale version from no record. */
export function findVersion(schema: CompiledSchema, id: string): Statement {
  const text = `select t.version from ${tableOf(schema)} t where t.id = $1::uuid and t.deleted_at is null`;
  return { name: `version.${shapeHash(`${schema.statementPrefix}\n${text}`)}`, text, values: [id] };
}

/** What every update does, so that the trigger that does it for others need not be called. */
export const bumped = [
  'version = t.version + 1',
  `updated_at = greatest(platform.occurred_at(), t.updated_at + interval '1 microsecond')`,
  'updated_by = platform.actor()',
] as const;

export function tableOf(schema: CompiledSchema): string {
  return quoteQualified(schema.pgNamespace, schema.pgTable);
}

/** Parameters, each with the cast of its column. */
class Values {
  readonly list: unknown[] = [];

  add(value: unknown, type: string): string {
    this.list.push(value);
    return `$${this.list.length}::${type}`;
  }

  /** A field's value; where the reference is guarded, only if the caller can see what it names. */
  field(field: CompiledField, input: WriteInput): string {
    const parameter = this.add(columnValue(field, input.values[field.name]), field.columnType);
    const target = input.guarded.get(field.name);
    if (target === undefined) return parameter;
    const key = quoteIdentifier(field.spec.ref?.key ?? 'id');
    return `case when ${parameter} is null or exists (select from ${tableOf(target)} r where r.${key} = ${parameter})
      then ${parameter} else platform.refuse('VE010', ${literal(field.name)}, ${parameter}) end`;
  }
}

function whereOf(parameters: Values, id: string, version: number | undefined): string {
  const conditions = [`t.id = ${parameters.add(id, 'uuid')}`, 't.deleted_at is null'];
  if (version !== undefined) conditions.push(`t.version = ${parameters.add(version, 'bigint')}`);
  return conditions.join(' and ');
}

function answerOf(input: WriteInput, created: string): string {
  const fields = [...input.schema.fields.values()].filter((field) =>
    input.access.readable.has(field.name),
  );
  return `t.id, t.version, (${projectRecord(input.schema, fields, 't')})::text as data, ${created} as created`;
}

/** With an idempotency key the statement also keeps its own answer, in the same transaction. */
function finish(
  input: WriteInput,
  operation: string,
  write: string,
  parameters: Values,
): Statement {
  let text = write;
  if (input.keep !== undefined) {
    const keep = input.keep.arguments
      .map(({ value, type }) => parameters.add(value, type))
      .join(', ');
    text = `with w as (${write})
      select w.*, platform.idempotency_keep(${keep}, case when w.created then 201 else 200 end, w.id, w.version, w.data) from w`;
  }
  return {
    name: `${operation}.${shapeHash(`${input.schema.statementPrefix}\n${text}`)}`,
    text,
    values: parameters.list,
  };
}

/** Field names are `[a-z][a-z0-9_]*`, so nothing in them needs an escape. */
function literal(name: string): string {
  return `'${name.replaceAll("'", "''")}'`;
}
