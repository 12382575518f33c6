/** How the values of a column become values of another type. Expressions are over a column's SQL. */
export interface Conversion {
  /** Every value converts and none loses anything. */
  readonly exact: boolean;
  /** True where a value that is not null converts without loss; asked before `convert`. */
  fits(column: string): string;
  /** The converted value; raises an error for a value that does not fit. */
  convert(column: string): string;
}

/** Integers up to 2^53 and their negatives are doubles without rounding. */
const exactInteger = 9_007_199_254_740_992n;

/**
 * The way from one column type to another, or undefined where there is none that keeps the meaning.
 * What may fail says beforehand for which values, so that nothing is ever rounded or cut in silence.
 *
 * Nothing is lost where the value afterwards is the same: the same number, and a double counts as the
 * number that the API writes of it, which is the shortest that reads back as it; the same instant,
 * whatever offset it was written with. Digits that are no part of a JSON number, leading zeros above
 * all, make a text more than a number: it is no number then.
 */
export function planConversion(
  from: string,
  to: string,
  bounds: { readonly min?: number | undefined; readonly max?: number | undefined } = {},
): Conversion | undefined {
  const source = baseOf(from);
  const target = baseOf(to);
  if (target === 'numeric') return toNumeric(source, from, to);
  if (target === 'text') return toText(source);
  switch (`${source} ${target}`) {
    case 'bigint double precision': {
      const within = isWithinDoubles(bounds);
      return conversion(within, (c) => `abs(${c}::numeric) <= ${exactInteger}`, cast(to));
    }
    case 'double precision bigint':
      return checked(
        (c) => `${c} = trunc(${c}) and abs(${c}) <= ${exactInteger}::double precision`,
        cast(to),
      );
    case 'numeric bigint':
      return checked(
        (c) => `${c} = trunc(${c}) and ${c} between -9223372036854775808 and 9223372036854775807`,
        cast(to),
      );
    case 'numeric double precision':
      return checked((c) => doubleFits(`${c}::text`), cast(to));
    case 'date timestamptz':
      return exactly((c) => `(${c}::timestamp at time zone 'UTC')`);
    case 'timestamptz date':
      return checked(
        (c) => `date_trunc('day', ${c} at time zone 'UTC') = ${c} at time zone 'UTC'`,
        (c) => `(${c} at time zone 'UTC')::date`,
      );
    case 'text date':
      return checked(
        (c) => `${c} ~ '^\\d{4}-\\d{2}-\\d{2}$' and pg_input_is_valid(${c}, 'date')`,
        cast(to),
      );
    case 'text timestamptz':
      // A time without an offset would be read in whatever zone the session has; more than six digits
      // of a second would be rounded, and 24:00 and a leap second become another day or minute.
      return checked(
        (c) => `${c} ~* ${instantPattern} and pg_input_is_valid(${c}, 'timestamptz')`,
        cast(to),
      );
    case 'text bigint':
      return checked(
        (c) =>
          `${c} ~ ${numberPattern} and case when pg_input_is_valid(${c}, 'bigint') then ${c}::bigint::text = ${c} else false end`,
        cast(to),
      );
    case 'text double precision':
      return checked((c) => `${c} ~ ${numberPattern} and ${doubleFits(c)}`, cast(to));
    case 'text boolean':
      return checked((c) => `${c} in ('true', 'false')`, cast(to));
    case 'text uuid':
      return checked((c) => `pg_input_is_valid(${c}, 'uuid')`, cast(to));
    default:
      return undefined;
  }
}

/** As JSON writes a number: nothing goes before the digits that count. */
const numberPattern = `'^-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?$'`;

const instantPattern = `'^\\d{4}-\\d{2}-\\d{2}t([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,6})?)?(z|[+-]\\d{2}:\\d{2})$'`;

/**
 * Whether a text in the form of a number is that number as a double too. `::numeric` of a double keeps
 * 15 digits, so that it goes by way of its text, which by default is the shortest that reads back as it.
 * A session with another `extra_float_digits` has fewer there and refuses more, but never rounds.
 */
function doubleFits(text: string): string {
  return `case when pg_input_is_valid(${text}, 'double precision') then ${text}::double precision::text::numeric = ${text}::numeric else false end`;
}

function toText(source: string): Conversion | undefined {
  switch (source) {
    case 'double precision':
      // Shorter than the value only in a session with another `extra_float_digits`.
      return exactly((c) =>
        unchanged(c, `${c}::text::double precision is not distinct from ${c}`, `${c}::text`),
      );
    case 'bigint':
    case 'numeric':
    case 'boolean':
    case 'uuid':
    case 'date':
      return exactly(cast('text'));
    case 'timestamptz':
      // As the API writes it, whatever zone the session has; that has no form for years before 1.
      return exactly((c) =>
        unchanged(
          c,
          `isfinite(${c}) and ${c} >= '0001-01-01T00:00:00Z'::timestamptz`,
          `(regexp_replace(to_char(${c} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\\.?0*$', '') || 'Z')`,
        ),
      );
    default:
      return undefined;
  }
}

function toNumeric(source: string, from: string, to: string): Conversion | undefined {
  const limit = limitsOf(to);
  switch (source) {
    case 'bigint':
      // 19 digits hold every bigint.
      if (limit === undefined || limit.precision - limit.scale >= 19) return exactly(cast(to));
      return checked((c) => numericFits(c, limit), cast(to));
    case 'numeric': {
      const before = limitsOf(from);
      const wider =
        limit === undefined ||
        (before !== undefined &&
          limit.scale >= before.scale &&
          limit.precision - limit.scale >= before.precision - before.scale);
      return wider ? exactly(cast(to)) : checked((c) => numericFits(c, limit), cast(to));
    }
    case 'double precision':
      return checked(
        (c) => {
          const written = `${c}::text::double precision = ${c}`;
          return limit === undefined
            ? written
            : `${written} and ${numericFits(`${c}::text`, limit)}`;
        },
        (c) => `${c}::text::${to}`,
      );
    case 'text':
      return checked(
        (c) =>
          `${c} ~ ${numberPattern} and pg_input_is_valid(${c}, 'numeric') and case when pg_input_is_valid(${c}, 'numeric') then ${limit === undefined ? 'true' : numericFits(c, limit)} else false end`,
        cast(to),
      );
    default:
      return undefined;
  }
}

interface Limits {
  readonly precision: number;
  readonly scale: number;
}

function numericFits(column: string, { precision, scale }: Limits): string {
  const value = `(${column})::numeric`;
  return `round(${value}, ${scale}) = ${value} and abs(${value}) < 10::numeric ^ ${precision - scale}`;
}

function limitsOf(type: string): Limits | undefined {
  const match = /^numeric\((\d+),(\d+)\)$/.exec(type);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

function isWithinDoubles({ min, max }: { min?: number | undefined; max?: number | undefined }) {
  const limit = Number(exactInteger);
  return min !== undefined && max !== undefined && min >= -limit && max <= limit;
}

function baseOf(type: string): string {
  return type.replace(/\(.*\)$/, '');
}

function cast(type: string): (column: string) => string {
  return (column) => `${column}::${type}`;
}

function exactly(convert: Conversion['convert']): Conversion {
  return conversion(true, () => 'true', convert);
}

function checked(fits: Conversion['fits'], convert: Conversion['convert']): Conversion {
  return conversion(false, fits, convert);
}

/** A value that does not fit is refused like one of a wrong form, never changed. */
function conversion(
  exact: boolean,
  fits: Conversion['fits'],
  convert: Conversion['convert'],
): Conversion {
  return exact
    ? { exact, fits, convert }
    : {
        exact,
        fits: (column) => `(${fits(column)})`,
        convert: (column) => unchanged(column, fits(column), convert(column)),
      };
}

function unchanged(column: string, fits: string, converted: string): string {
  return `case when ${column} is null then null when ${fits} then ${converted} else platform.refuse('23514', '', case when false then ${converted} end) end`;
}
