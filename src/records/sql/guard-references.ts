import type { CallerAt } from '../../query/caller-value.ts';
import { withCaller } from '../../query/caller-value.ts';
import { compilePolicy } from '../../query/compile-policy.ts';
import { nameStatement } from '../../query/compiled-statement.ts';
import { Parameters } from '../../query/parameters.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import { quoteIdentifier, quoteLiteral } from '../../schema/identifier.ts';
import type { CompiledPolicy } from '../../schema/policy.ts';
import type { Statement } from '../../store/statement.ts';
import { columnValue } from '../column-value.ts';
import type { RecordValues } from '../record-input.ts';
import { tableOf } from './write-one.ts';

/** A record that is written, with the id that it has where it is there already. */
export interface ReferringRow {
  readonly id: string;
  readonly values: RecordValues;
}

/**
 * Refuses rows that refer to what the policies of the target hide from the caller, in the words for
 * what is not there. It goes before the write, in its transaction; what a record refers to already
 * may stay.
 */
export function guardReferences(
  to: {
    readonly schema: CompiledSchema;
    readonly field: CompiledField;
    readonly target: CompiledSchema;
    readonly policies: readonly CompiledPolicy[];
  },
  rows: readonly ReferringRow[],
  callerAt: CallerAt,
): Statement {
  const { schema, field, target, policies } = to;
  const parameters = new Parameters();
  const values = rows.map((row) => columnValue(field, row.values[field.name]));
  const given = parameters.add(values, `${field.columnType}[]`);
  const ids = parameters.add(
    rows.map(({ id }) => id),
    'uuid[]',
  );
  const key = quoteIdentifier(field.spec.ref?.key ?? 'id');
  const shown = policies.map((policy) => compilePolicy(policy, 'o', parameters));
  const text = `
    select platform.refuse('VE010', ${quoteLiteral(field.name)}, r.value)
      from unnest(${given}, ${ids}) as r (value, id)
     where r.value is not null
       and not exists (select from ${tableOf(target)} o where ${[`o.${key} = r.value`, ...shown].join(' and ')})
       and not exists (select from ${tableOf(schema)} t where t.id = r.id and t.${quoteIdentifier(field.name)} = r.value)
     limit 1`;
  return withCaller(nameStatement({ schema, operation: 'guard', text }, parameters), callerAt);
}
