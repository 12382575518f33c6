import { createHash } from 'node:crypto';
import { checkCel } from '../cel/check.ts';
import type { CelField } from '../cel/environment.ts';
import { recordFields, systemColumns } from '../cel/environment.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import { conditionToSql } from '../cel/to-sql.ts';
import type { Field, Index, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';

/** The records that a partial index covers: those for which its `where` is true. */
export interface IndexCondition {
  readonly fields: readonly string[];
  sql(columnOf: (field: string) => string): string;
}

export function indexCondition(
  { where }: Index,
  { fields }: SchemaDefinitionSpec,
  typeOf: (field: Field) => string,
): IndexCondition | undefined {
  if (where === undefined) return undefined;
  const self: ReadonlyMap<string, CelField> = new Map([
    ...recordFields(fields, typeOf),
    ...systemColumns,
  ]);
  const checked = checkCel(where, new Map([['self', self]]));
  if (!('ok' in checked)) throw new Error(`"${where}" was admitted and has no types`);
  const compile = (columnOf: (field: string) => string): string => {
    const compiled = conditionToSql(
      checked.ok,
      (name) => quoteIdentifier(systemColumns.has(name) ? name : columnOf(name)),
      quoteLiteral,
    );
    if ('unsupported' in compiled)
      throw new Error(`"${where}" was admitted: ${compiled.unsupported}`);
    return compiled.sql;
  };
  return { fields: fieldsOf(checked.ok), sql: compile };
}

/** Ends the name of a partial index, so that several may be over the same fields. */
export function conditionDigest({ where }: Index): readonly string[] {
  if (where === undefined) return [];
  return [createHash('sha256').update(where).digest('hex').slice(0, 10)];
}
