import type { Decimal } from './cel-type.ts';

/** What a result may have before and behind its point: more is no value, in Postgres as here. */
const digitsMax = 1_000;
const unitsLimit = 10n ** BigInt(digitsMax);

/** A plain or exponential number as it is written; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const units = BigInt(`${sign}${whole}${fraction}`);
  const scale = fraction.length - Number(exponent);
  return scale < 0
    ? normalized({ units: units * 10n ** BigInt(-scale), scale: 0 })
    : normalized({ units, scale });
}

/**
 * A double counts as the number that it is written as: 0.1 is 0.1, which no double is. Beyond 2^53 one
 * text stands for several doubles, and which is shortest is a matter of taste: there it is the integer
 * that it is.
 */
export function decimalOfDouble(value: number): Decimal {
  const written = Math.abs(value) < 2 ** 53 ? parseDecimal(String(value)) : undefined;
  return written ?? { units: BigInt(value), scale: 0 };
}

export function decimalText({ units, scale }: Decimal): string {
  if (scale === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const at = digits.length - scale;
  return `${units < 0n ? '-' : ''}${digits.slice(0, at)}.${digits.slice(at)}`;
}

export function compareDecimal(a: Decimal, b: Decimal): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export function addDecimal(a: Decimal, b: Decimal): Decimal | undefined {
  const [left, right, scale] = aligned(a, b);
  return bounded({ units: left + right, scale });
}

export function multiplyDecimal(a: Decimal, b: Decimal): Decimal | undefined {
  return bounded({ units: a.units * b.units, scale: a.scale + b.scale });
}

export function negateDecimal({ units, scale }: Decimal): Decimal {
  return { units: -units, scale };
}

/** Towards zero, as CEL converts to int. */
export function truncateDecimal({ units, scale }: Decimal): bigint {
  return units / 10n ** BigInt(scale);
}

function aligned(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  const raised = (one: Decimal): bigint => one.units * 10n ** BigInt(scale - one.scale);
  return [raised(a), raised(b), scale];
}

function bounded(value: Decimal): Decimal | undefined {
  const result = normalized(value);
  const whole = truncateDecimal(result);
  const fits = result.scale <= digitsMax && whole < unitsLimit && whole > -unitsLimit;
  return fits ? result : undefined;
}

function normalized({ units, scale }: Decimal): Decimal {
  let [rest, digits] = [units, scale];
  while (digits > 0 && rest % 10n === 0n) {
    rest /= 10n;
    digits--;
  }
  return { units: rest, scale: digits };
}
