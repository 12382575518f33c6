import { compileCondition } from '../../query/compile-condition.ts';
import type { Condition } from '../../query/condition.ts';
import { Parameters } from '../../query/parameters.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import { quoteIdentifier } from '../../schema/identifier.ts';
import type { Statement } from '../../store/statement.ts';
import { columnValue } from '../column-value.ts';
import type { RecordValues } from '../record-input.ts';
import { tableOf } from './write-one.ts';

/** The policy that a table has now, as Postgres itself writes it: not what the schema would make. */
export function findRowPolicy(schema: CompiledSchema): Statement {
  return {
    name: 'explain.row-policy',
    text: `
      select c.relrowsecurity and c.relforcerowsecurity as forced,
             pg_get_expr(p.polwithcheck, p.polrelid) as condition
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_policy p on p.polrelid = c.oid and p.polname = 'velocity_records'
       where n.nspname = $1::text and c.relname = $2::text`,
    values: [schema.pgNamespace, schema.pgTable],
  };
}

export interface CheckedRow {
  /** The table's own policy lets a row like this be written. */
  readonly policy: boolean;
  /** Of each condition, in their order. */
  readonly passed: readonly boolean[];
}

/**
 * Holds a row that is nowhere against conditions and the table's policy: the values over those of the
 * live record `id`, where one is given, and nothing is written. Answers no row where that record is
 * out of sight. The derived table has the real one's name, for the policy's text may use it.
 */
export function checkRow(
  schema: CompiledSchema,
  row: {
    readonly values: RecordValues;
    readonly id: string | undefined;
    readonly conditions: readonly Condition[];
    /** As `findRowPolicy` found it. */
    readonly policy: string;
  },
): Statement {
  const parameters = new Parameters();
  const alias = quoteIdentifier(schema.pgTable);
  const columns = [...schema.fields.values()].map(
    (field) => `${columnOf(field, row, parameters)} as ${quoteIdentifier(field.name)}`,
  );
  const from =
    row.id === undefined
      ? ''
      : ` from ${tableOf(schema)} t where t.deleted_at is null and t.id = ${parameters.add(row.id, 'uuid')}`;
  const passed = row.conditions.map(
    (condition) => `(${compileCondition(schema, condition, schema.pgTable, parameters)}) is true`,
  );
  return {
    text: `
      select (${row.policy}) is true as policy, array[${passed.join(', ')}]::boolean[] as passed
        from (select ${columns.join(', ')}${from}) as ${alias}`,
    values: parameters.values,
  };
}

function columnOf(
  field: CompiledField,
  { values, id }: { readonly values: RecordValues; readonly id: string | undefined },
  parameters: Parameters,
): string {
  const given = values[field.name];
  if (given !== undefined) return parameters.add(columnValue(field, given), field.columnType);
  if (id !== undefined) return `t.${quoteIdentifier(field.name)}`;
  if (!field.system) {
    return parameters.add(columnValue(field, field.spec.default), field.columnType);
  }
  if (field.name.endsWith('ated_by')) return 'platform.actor()';
  if (/^(cre|upd)ated_at$/.test(field.name)) return 'now()';
  return `null::${field.columnType}`;
}

/** A record, if row-level security shows it: whether it passes each of the conditions. */
export function testRecord(
  schema: CompiledSchema,
  /** `deleted`: those count too, as they have a history. */
  { id, deleted }: { readonly id: string; readonly deleted: boolean },
  conditions: readonly Condition[],
): Statement {
  const parameters = new Parameters();
  const where = [
    `t.id = ${parameters.add(id, 'uuid')}`,
    ...(deleted ? [] : ['t.deleted_at is null']),
  ];
  const passed = conditions.map(
    (condition) => `(${compileCondition(schema, condition, 't', parameters)}) is true`,
  );
  return {
    text: `select array[${passed.join(', ')}]::boolean[] as passed from ${tableOf(schema)} t where ${where.join(' and ')}`,
    values: parameters.values,
  };
}
