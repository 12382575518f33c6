import type { CelType, Decimal } from '../cel-type.ts';
import {
  compareDecimal,
  decimalOfDouble,
  decimalText,
  parseDecimal,
  truncateDecimal,
} from '../decimal.ts';
import { floorDivide, instantText, parseInstant, withinTime } from '../instant.ts';
import type { Overload } from './overload.ts';

/** Of a decimal that is to be a double: well within its range on either side. */
const doubleLimit: Decimal = { units: 10n ** 300n, scale: 0 };
const doubleLeast: Decimal = { units: 1n, scale: 300 };
const int64 = 2 ** 63;

/** A conversion by a function of migration 0015, NULL for what does not convert. */
function converts(from: CelType, to: CelType, evaluate: Overload['evaluate']): Overload {
  return {
    ...{ name: to, params: [from], result: to, style: 'function', total: false, evaluate },
    sql: (value) => `platform.cel_${to}(${value})`,
  };
}

function always(
  from: CelType,
  to: CelType,
  evaluate: Overload['evaluate'],
  sql: Overload['sql'],
): Overload {
  return { name: to, params: [from], result: to, style: 'function', total: true, evaluate, sql };
}

const same = (value: unknown): unknown => value;
const sameSql = (value: string): string => value;

export const conversions: readonly Overload[] = [
  always('int', 'int', same, sameSql),
  converts('double', 'int', (value: number) =>
    value >= -int64 && value < int64 ? BigInt(Math.trunc(value)) : undefined,
  ),
  converts('decimal', 'int', (value: Decimal) => within64(truncateDecimal(value))),
  converts('string', 'int', (text: string) =>
    /^-?[0-9]{1,19}$/.test(text) ? within64(BigInt(text)) : undefined,
  ),
  converts('timestamp', 'int', (micros: bigint) => floorDivide(micros, 1_000_000n)),
  always(
    'int',
    'double',
    (value: bigint) => Number(value),
    (value) => `${value}::double precision`,
  ),
  always('double', 'double', same, sameSql),
  converts('decimal', 'double', doubleOf),
  converts('string', 'double', (text: string) => {
    const value = /^-?[0-9]{1,400}(\.[0-9]{1,400})?$/.test(text) ? parseDecimal(text) : undefined;
    return value && doubleOf(value);
  }),
  always(
    'int',
    'decimal',
    (units: bigint) => ({ units, scale: 0 }),
    (value) => `${value}::numeric`,
  ),
  always('double', 'decimal', decimalOfDouble, (value) => `platform.cel_decimal(${value})`),
  always('decimal', 'decimal', same, sameSql),
  converts('string', 'decimal', (text: string) =>
    /^-?[0-9]{1,400}(\.[0-9]{1,400})?$/.test(text) ? parseDecimal(text) : undefined,
  ),
  always('string', 'string', same, sameSql),
  always('int', 'string', String, (value) => `${value}::text`),
  always('bool', 'string', String, (value) => `${value}::text`),
  // JavaScript and Postgres begin to write an exponent at different sizes.
  always('double', 'string', String, undefined),
  always('decimal', 'string', decimalText, (value) => `trim_scale(${value})::text`),
  always('timestamp', 'string', instantText, (value) => `platform.cel_string(${value})`),
  converts('string', 'timestamp', (text: string) => {
    const strict =
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$/;
    const micros = strict.test(text) ? parseInstant(text) : undefined;
    return micros === undefined ? undefined : withinTime(micros);
  }),
  always('timestamp', 'timestamp', same, sameSql),
];

function within64(value: bigint): bigint | undefined {
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function doubleOf(value: Decimal): number | undefined {
  const size = { ...value, units: value.units < 0n ? -value.units : value.units };
  if (size.units === 0n) return 0;
  const fits = compareDecimal(size, doubleLimit) <= 0 && compareDecimal(size, doubleLeast) >= 0;
  return fits ? Number(decimalText(value)) : undefined;
}
