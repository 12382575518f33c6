import type { CheckedCel } from '../cel/check.ts';
import { checkCel } from '../cel/check.ts';
import { convertCel } from '../cel/convert-cel.ts';
import type { CelEnvironment, CelField } from '../cel/environment.ts';
import { celField, recordFields, systemColumns } from '../cel/environment.ts';
import type { CelProblem } from '../cel/parse.ts';
import { celToSql } from '../cel/to-sql.ts';
import type { Field } from '../contract/kinds.ts';
import type { Conversion } from './conversion.ts';
import { planConversion } from './conversion.ts';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';
import { checkOf } from './record-table.ts';

/** What a field's `backfill` gives existing records. `row` is what stands before a column: `t.`. */
export interface Backfill {
  /** The value; NULL where there is none. Raises an error for one that its column cannot hold. */
  value(row: string): string;
  /** True where the column can hold the value, NULL included. */
  fits(row: string): string;
  /** Null is a value that it gives, and not the lack of one. */
  readonly nullable: boolean;
}

/** Columns of a record that are there from the beginning and never change. */
const lasting = ['id', 'created_at', 'created_by'];

/** `self` is the record as it was: its fields and types before the change, by old names and new ones. */
export function backfillEnvironment(
  fields: readonly Field[],
  typeOf: (field: Field) => string,
  renamed: ReadonlyMap<string, string> = new Map(),
): CelEnvironment {
  const before = recordFields(fields, typeOf);
  const self = new Map<string, CelField>(before);
  for (const [now, then] of renamed) {
    const field = before.get(then);
    if (field !== undefined && !self.has(now)) self.set(now, field);
  }
  for (const name of lasting) self.set(name, systemColumns.get(name) ?? celField('text', true));
  return new Map([['self', self]]);
}

/** A backfill of a field whose column is of `type`, with the types of both held against each other. */
export function checkBackfill(
  { name, type: fieldType, backfill = '' }: Field,
  type: string,
  environment: CelEnvironment,
): { ok: CheckedCel } | { problems: readonly CelProblem[] } {
  const checked = checkCel(backfill, environment);
  if ('problems' in checked) return checked;
  const wanted = celField(type, true).type;
  const converted = convertCel(checked.ok, wanted);
  if (converted !== undefined) return { ok: converted };
  const message = `It gives a value of type ${checked.ok.type}; "${name}" is of type ${fieldType}, which takes ${wanted}.`;
  return {
    problems: [{ message, hint: `Convert it: ${wanted}(…); and say what stands for null.` }],
  };
}

/** A backfill as SQL, or why there is none; `columnOf` says where a field of before is. */
export function planBackfill(
  field: Field,
  type: string,
  environment: CelEnvironment,
  columnOf: (name: string) => string,
): { ok: Backfill } | { refused: string } {
  const checked = checkBackfill(field, type, environment);
  if ('problems' in checked) {
    return { refused: checked.problems.map(({ message, hint }) => `${message} ${hint}`).join(' ') };
  }
  const sqlOf = (row: string) =>
    celToSql(checked.ok, (name) => `${row}${quoteIdentifier(columnOf(name))}`, quoteLiteral);
  const probe = sqlOf('');
  if ('unsupported' in probe)
    return { refused: `${probe.unsupported}, so it does not run in SQL.` };
  const narrowing = narrowed(checked.ok.type, type);
  const inner = (row: string): string => {
    const compiled = sqlOf(row);
    return 'sql' in compiled ? compiled.sql : 'null';
  };
  return {
    ok: {
      nullable: checked.ok.nullable,
      value: (row) => narrowing?.convert(`(${inner(row)})`) ?? `(${inner(row)})`,
      fits: (row) =>
        narrowing === undefined
          ? 'true'
          : `case when (${inner(row)}) is null then true else ${narrowing.fits(`(${inner(row)})`)} end`,
    },
  };
}

/** From what an expression gives to what the column holds, where that is less. */
function narrowed(type: string, column: string): Conversion | undefined {
  const natural: Readonly<Record<string, string>> = {
    ...{ string: 'text', decimal: 'numeric', timestamp: 'timestamptz' },
  };
  const from = natural[type] ?? column;
  return from === column ? undefined : planConversion(from, column);
}

/**
 * What a conversion leaves over goes to the backfill: values that do not convert, or that the new
 * limits refuse. Without a conversion nothing fits.
 */
export function conversionUntil(
  field: Field,
  types: { readonly from: string; readonly to: string },
  conversion: Conversion | undefined,
): Conversion {
  const { from, to } = types;
  const kept = conversion ?? (from === to ? unchanged : nothing(to));
  return {
    exact: false,
    convert: kept.convert,
    fits: (column) => {
      const limits = checkOf('', field, to, `(${kept.convert(column)})`);
      const within = limits === undefined ? 'true' : limits.expression;
      return `(case when ${kept.fits(column)} then ${within} else false end)`;
    },
  };
}

const unchanged: Conversion = { exact: true, fits: () => 'true', convert: (column) => column };

function nothing(type: string): Conversion {
  return { exact: false, fits: () => 'false', convert: () => `null::${type}` };
}
