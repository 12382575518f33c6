import type { Field, FieldMask } from '../contract/kinds.ts';
import type { Masks } from '../query/mask.ts';
import { showField } from '../query/projection.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { planConversion } from '../schema/conversion.ts';
import { quoteIdentifier, quoteLiteral } from '../schema/identifier.ts';
import type { Lineage, Stretch } from './field-lineage.ts';
import { columnAt, followBack } from './field-lineage.ts';

/** The columns that every version has had, in the order of records. */
const leading = ['id', 'version'];
const trailing = ['created_at', 'created_by', 'updated_at', 'updated_by'];

export type TypeOf = (field: Field) => string;

/** A version's state as SQL over a row of the history, called `h`. */
export interface ProjectedState {
  /** A JSON object. */
  readonly record: string;
  /** A `text[]`: fields whose value of then is no value of the type of now. */
  readonly lost: string;
}

/**
 * States of any revision as the revision that serves has records: renames followed, values converted
 * as a migration would have, null where a field did not exist or its value does not fit.
 */
export function projectOntoNow(input: {
  readonly schema: CompiledSchema;
  readonly lineage: Lineage;
  readonly readable: ReadonlySet<string>;
  readonly masks: Masks;
  readonly typeOf: TypeOf;
}): ProjectedState {
  const { schema, lineage, readable, masks, typeOf } = input;
  const projected = schema.userFields
    .filter(({ name }) => readable.has(name))
    .map((field) => {
      const stretches = followBack(lineage, field.name);
      return projectPast({ field, mask: masks.get(field.name), stretches, typeOf });
    });
  const columns = projected.map(({ name, value }) => `${value} as ${quoteIdentifier(name)}`);
  const lost = projected.flatMap((one) => (one.lost === undefined ? [] : [one.lost]));
  return { record: toObject(columns, readable), lost: toArray(lost) };
}

/**
 * States of one revision as that revision had records; `fields` are those that the caller may see, by
 * the masks under their names of then.
 */
export function projectOriginal(input: {
  readonly lineage: Lineage;
  readonly revision: number;
  readonly fields: readonly Field[];
  readonly readable: ReadonlySet<string>;
  readonly masks: Masks;
  readonly typeOf: TypeOf;
}): string {
  const { lineage, revision, fields, readable, masks, typeOf } = input;
  const columns = fields.map((field) => {
    const column = sourceColumn(columnAt(lineage, field.name, revision));
    const value = showField(asCompiled(field, typeOf), masks.get(field.name), column);
    return `${value} as ${quoteIdentifier(field.name)}`;
  });
  return toObject(columns, readable);
}

interface ProjectedField {
  readonly name: string;
  readonly value: string;
  readonly lost?: string;
}

function projectPast(input: {
  readonly field: CompiledField;
  readonly mask: FieldMask | undefined;
  readonly stretches: readonly Stretch[];
  readonly typeOf: TypeOf;
}): ProjectedField {
  const { field, mask, stretches, typeOf } = input;
  const values: string[] = [];
  const misfits: string[] = [];
  for (const { untilRevision, source } of stretches) {
    const under = `when h."_revision" <= ${untilRevision} then`;
    if (source === undefined) {
      values.push(`${under} null`);
      continue;
    }
    const column = sourceColumn(source.column);
    const from = typeOf(source.field);
    if (from === field.columnType) {
      values.push(`${under} ${column}`);
      continue;
    }
    const conversion = planConversion(from, field.columnType);
    if (conversion === undefined) {
      values.push(`${under} null`);
      misfits.push(`${under} ${column} is not null`);
      continue;
    }
    values.push(
      `${under} case when ${column} is not null and ${conversion.fits(column)} then ${conversion.convert(column)} end`,
    );
    misfits.push(`${under} ${column} is not null and not ${conversion.fits(column)}`);
  }
  const value = `(case ${values.join(' ')} end)::${field.columnType}`;
  const { name } = field;
  const projection = showField(
    asCompiled(field.spec, () => field.columnType),
    mask,
    value,
  );
  if (misfits.length === 0) return { name, value: projection };
  const lost = `case when (case ${misfits.join(' ')} else false end) then ${quoteLiteral(name)} end`;
  return { name, value: projection, lost };
}

/** Values of the past keep to no limits of now, by which integers would be known to be small. */
function asCompiled(field: Field, typeOf: TypeOf): CompiledField {
  const { name, type } = field;
  return {
    ...{ name, type, spec: { name, type }, system: false, required: false },
    ...{ filterable: false, sortable: false, readRoles: undefined, writeRoles: undefined },
    columnType: typeOf(field),
  };
}

function sourceColumn(column: string): string {
  return `h.${quoteIdentifier(column)}`;
}

function toObject(columns: readonly string[], readable: ReadonlySet<string>): string {
  const system = (names: readonly string[]): string[] =>
    names.filter((name) => readable.has(name)).map((name) => sourceColumn(name));
  const list = [...system(leading), ...columns, ...system(trailing)].join(', ');
  return `row_to_json((select _record from (select ${list}) _record))`;
}

function toArray(items: readonly string[]): string {
  return items.length === 0
    ? `array[]::text[]`
    : `array_remove(array[${items.join(', ')}]::text[], null)`;
}
