import { quoteIdentifier } from './identifier.ts';
import type { PlacedField } from './placed-field.ts';
import { defaultOf } from './record-table.ts';

/** How a record of before gets its value of a field. `row` is what stands before a column: `new.`. */
export interface ValueAfter {
  value(row: string): string;
  /** Records that lack it, in terms of `t`. */
  readonly lacking: string;
}

/** Undefined where the column has its value already, or a constant default that the catalogue keeps. */
export function valueAfter(one: PlacedField): ValueAfter | undefined {
  const { field, prior, type, conversion, backfill, column } = one;
  const empty = `t.${column} is null`;
  if (prior === undefined) {
    if (backfill === undefined) return undefined;
    // A null that it gives on purpose is not given again and again.
    const lacking = backfill.nullable ? `${empty} and ${backfill.value('t.')} is not null` : empty;
    return { value: backfill.value, lacking };
  }
  const source = quoteIdentifier(prior.name);
  const absent = isRequiredNow(one)
    ? (backfill?.value ?? constant(defaultOf(field, type)))
    : undefined;
  if (conversion === undefined) {
    if (absent === undefined) return undefined;
    return { value: (row) => `coalesce(${row}${source}, ${absent(row)})`, lacking: empty };
  }
  return {
    lacking: absent === undefined ? `t.${source} is not null and ${empty}` : empty,
    value: (row) => {
      const from = `${row}${source}`;
      const converted = conversion.convert(from);
      if (backfill === undefined) {
        return absent === undefined ? converted : `coalesce(${converted}, ${absent(row)})`;
      }
      return `case when ${from} is null then ${absent?.(row) ?? 'null'} when ${conversion.fits(from)} then ${converted} else ${backfill.value(row)} end`;
    },
  };
}

/** A field that is required from now on. */
export function isRequiredNow({ field, prior }: PlacedField): boolean {
  return field.required === true && prior?.required !== true;
}

function constant(value: string | undefined): ((row: string) => string) | undefined {
  return value === undefined ? undefined : () => value;
}
