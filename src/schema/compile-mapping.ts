import type { CelType } from '../cel/cel-type.ts';
import { fieldsOf } from '../cel/fields-of.ts';
import { celToSql } from '../cel/to-sql.ts';
import { backfillEnvironment, checkBackfill } from './backfill.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';
import type { CompileMapping, VersionEnd } from './version-mapping.ts';
import { sourceAlias } from './version-mapping.ts';

/** Types of values that several types of columns take; any other is that of its column. */
const sqlTypes: Partial<Record<CelType, string>> = {
  string: 'text',
  decimal: 'numeric',
  timestamp: 'timestamptz',
};

/** Expressions of a mapping: `self` is the record as the old version has it. */
export function compileMapping(from: VersionEnd): CompileMapping {
  const environment = backfillEnvironment(from.spec.fields, from.typeOf);
  return (expression, field, type) => {
    const checked = checkBackfill({ ...field, backfill: expression }, type, environment);
    if ('problems' in checked) {
      return { problem: checked.problems.map(({ message }) => message).join(' ') };
    }
    const column = (name: string): string => `${sourceAlias}.${quoteIdentifier(name)}`;
    const compiled = celToSql(checked.ok, column, quoteLiteral);
    if ('unsupported' in compiled) {
      return { problem: `It cannot be said in SQL: ${compiled.unsupported}.` };
    }
    return {
      sql: compiled.sql,
      type: sqlTypes[compiled.type] ?? type,
      fields: fieldsOf(checked.ok),
    };
  };
}
