import type { Access } from '../../auth/access.ts';
import { shapeHash } from '../../query/compiled-statement.ts';
import { projectRecord } from '../../query/projection.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import { quoteIdentifier, quoteQualified } from '../../schema/identifier.ts';
import type { Statement } from '../../store/statement.ts';
import { columnValue } from '../column-value.ts';
import type { GuardedReferences } from '../guarded-references.ts';
import type { KeptAnswer } from '../idempotent.ts';
import type { RecordValues } from '../record-input.ts';
import type { StatementShape } from './statement-shapes.ts';
import { statementShape } from './statement-shapes.ts';

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
  readonly guarded: GuardedReferences;
  readonly keep: KeptAnswer | undefined;
}

/** INSERT of one record under its new id; with `unless`, nothing where that field's value is taken. */
export function insertRecord(input: WriteInput, id: string, unless?: CompiledField): Statement {
  const { schema } = input;
  const shape = shapeOf(input, 'insert', unless?.name ?? '', (placeholders) => {
    const insert = insertText(input, placeholders);
    const conflict = unless ? ` on conflict (${quoteIdentifier(unless.name)}) do nothing` : '';
    return `${insert}${conflict} returning ${answerOf(input, 'true')}`;
  });
  return filled(shape, [id, ...columnValues(input, schema.userFields), ...keptValues(input)]);
}

/** UPDATE of one live record; with `version`, only if it is still at that one. No row: look why. */
export function updateRecord(
  input: WriteInput,
  id: string,
  version: number | undefined,
): Statement {
  const { schema } = input;
  const fields = Object.keys(input.values)
    .map((name) => schema.fields.get(name))
    .filter((field) => field !== undefined);
  const shape = shapeOf(
    input,
    'update',
    `${version === undefined} ${keyOf(fields)}`,
    (placeholders) => {
      const where = whereOf(placeholders, version);
      const changes = fields.map(
        (field) =>
          `${quoteIdentifier(field.name)} = ${guardedValue(field, input, placeholders, true)}`,
      );
      return `update ${tableOf(schema)} as t set ${[...changes, ...bumped].join(', ')}
    where ${where} returning ${answerOf(input, 'false')}`;
    },
  );
  const which = version === undefined ? [id] : [id, version];
  return filled(shape, [...which, ...columnValues(input, fields), ...keptValues(input)]);
}

/** The soft delete of one live record. */
export function deleteRecordRow(
  input: WriteInput,
  id: string,
  version: number | undefined,
): Statement {
  const shape = shapeOf(input, 'delete', String(version === undefined), (placeholders) => {
    const where = whereOf(placeholders, version);
    return `update ${tableOf(input.schema)} as t set deleted_at = platform.occurred_at(), ${bumped.join(', ')}
    where ${where} returning t.id, t.version, ''::text as data, false as created`;
  });
  const which = version === undefined ? [id] : [id, version];
  return filled(shape, [...which, ...keptValues(input)]);
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

/** Numbers parameters, each with the cast of its column. */
class Placeholders {
  #count = 0;

  next(type: string): string {
    this.#count++;
    return `$${this.#count}::${type}`;
  }
}

function insertText(input: WriteInput, placeholders: Placeholders): string {
  const { userFields } = input.schema;
  const columns = userFields.map((field) => quoteIdentifier(field.name));
  const id = placeholders.next('uuid');
  const values = userFields.map((field) => guardedValue(field, input, placeholders));
  return `insert into ${tableOf(input.schema)} as t (id, ${columns.join(', ')})
    values (${[id, ...values].join(', ')})`;
}

/** A field's value; where the reference is guarded, only if the caller can see what it names. */
function guardedValue(
  field: CompiledField,
  input: WriteInput,
  placeholders: Placeholders,
  changing = false,
): string {
  const parameter = placeholders.next(field.columnType);
  const target = input.guarded.get(field.name);
  if (target === undefined) return parameter;
  return guardReference(field, target, parameter, changing);
}

/** A reference that stays as it is may stay, even where its target is out of sight by now. */
export function guardReference(
  field: CompiledField,
  target: CompiledSchema | 'unseen',
  value: string,
  changing: boolean,
): string {
  const kept = changing ? ` or ${value} = t.${quoteIdentifier(field.name)}` : '';
  return `case when ${value} is null${kept}${target === 'unseen' ? '' : ` or ${existsIn(target, field, value)}`}
      then ${value} else platform.refuse('VE010', ${literal(field.name)}, ${value}) end`;
}

function existsIn(target: CompiledSchema, { spec }: CompiledField, value: string): string {
  const key = quoteIdentifier(spec.ref?.key ?? 'id');
  return `exists (select from ${tableOf(target)} target where target.${key} = ${value})`;
}

function whereOf(placeholders: Placeholders, version: number | undefined): string {
  const conditions = [`t.id = ${placeholders.next('uuid')}`, 't.deleted_at is null'];
  if (version !== undefined) conditions.push(`t.version = ${placeholders.next('bigint')}`);
  return conditions.join(' and ');
}

function answerOf(input: WriteInput, created: string): string {
  const { schema, access } = input;
  const fields = [...schema.fields.values()].filter(({ name }) => access.readable.has(name));
  return `t.id, t.version, (${projectRecord({ schema, fields, masks: access.masks }, 't')})::text as data, ${created} as created`;
}

/**
 * The statement's shape, made once. With an idempotency key the statement also keeps its own answer,
 * in the same transaction; the arguments of that come behind all others.
 */
function shapeOf(
  input: WriteInput,
  operation: string,
  key: string,
  write: (placeholders: Placeholders) => string,
): StatementShape {
  const { keep } = input;
  const guarded = [...input.guarded]
    .map(([name, target]) => (target === 'unseen' ? `${name}!` : name))
    .join(' ');
  return statementShape(input, operation, `${keep !== undefined} ${guarded}\n${key}`, () => {
    const placeholders = new Placeholders();
    const text = write(placeholders);
    if (keep === undefined) return text;
    const kept = keep.arguments.map(({ type }) => placeholders.next(type));
    return `with w as (${text})
      select w.*, platform.idempotency_keep(${kept.join(', ')}, case when w.created then 201 else 200 end, w.id, w.version, w.data) from w`;
  });
}

function filled(shape: StatementShape, values: readonly unknown[]): Statement {
  return { name: shape.name, text: shape.text, values };
}

function columnValues(input: WriteInput, fields: readonly CompiledField[]): unknown[] {
  return fields.map((field) => columnValue(field, input.values[field.name]));
}

function keptValues({ keep }: WriteInput): unknown[] {
  return keep === undefined ? [] : keep.arguments.map(({ value }) => value);
}

function keyOf(fields: readonly CompiledField[]): string {
  return fields.map((field) => field.name).join(' ');
}

/** Field names are `[a-z][a-z0-9_]*`, so nothing in them needs an escape. */
function literal(name: string): string {
  return `'${name.replaceAll("'", "''")}'`;
}
