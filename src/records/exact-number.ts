/** Decimals and large integers, checked digit by digit: a double would have rounded them before. */

interface DecimalBounds {
  readonly precision?: number;
  readonly scale?: number;
  readonly min?: number;
  readonly max?: number;
}

const bigintMin = -(2n ** 63n);
const bigintMax = 2n ** 63n - 1n;
/** Digits that a decimal may have where the field sets no precision; Postgres takes many more. */
const digitsMax = 1_000;

/** A decimal, as a string or a number, that the column holds without rounding. */
export function withinDecimal(bounds: DecimalBounds, value: string | number): boolean {
  const text = plainDecimal(value);
  const digits = countDigits(text);
  if (digits === undefined || digits.whole + digits.fraction > digitsMax) return false;
  if (bounds.precision !== undefined) {
    const scale = bounds.scale ?? 0;
    if (digits.fraction > scale || digits.whole > bounds.precision - scale) return false;
  }
  if (bounds.min !== undefined && compareToBound(text, bounds.min) < 0) return false;
  return bounds.max === undefined || compareToBound(text, bounds.max) <= 0;
}

const [zero, nine, point, minus] = [0x30, 0x39, 0x2e, 0x2d];

/** Digits that count before and behind the point; undefined where the text is no plain decimal. */
function countDigits(text: string): { whole: number; fraction: number } | undefined {
  const start = text.charCodeAt(0) === minus ? 1 : 0;
  let first = -1;
  let pointAt = -1;
  let last = -1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === point && pointAt < 0 && at > start) pointAt = at;
    else if (code < zero || code > nine) return undefined;
    else if (pointAt < 0 && first < 0 && code !== zero) first = at;
    else if (pointAt >= 0 && code !== zero) last = at;
  }
  const end = pointAt < 0 ? text.length : pointAt;
  if (end === start || pointAt === text.length - 1) return undefined;
  return { whole: first < 0 ? 0 : end - first, fraction: last < 0 ? 0 : last - pointAt };
}

/** Digits that a double is sure to keep apart, point and sign included: then it may compare them. */
const doubleDigits = 15;

function compareToBound(text: string, bound: number): number {
  if (text.length <= doubleDigits && Number.isSafeInteger(bound)) return Number(text) - bound;
  return compareDecimals(text, plainDecimal(bound));
}

/** A string of digits that a bigint column holds, within the field's bounds. */
export function withinInteger(
  bounds: { readonly min?: number; readonly max?: number },
  text: string,
): boolean {
  if (!/^-?\d{1,20}$/.test(text)) return false;
  const value = BigInt(text);
  if (value < bigintMin || value > bigintMax) return false;
  if (bounds.min !== undefined && value < BigInt(Math.ceil(bounds.min))) return false;
  return bounds.max === undefined || value <= BigInt(Math.floor(bounds.max));
}

/** A number without exponent: 1e21 as its digits. */
export function plainDecimal(value: string | number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/i.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Negative, zero or positive, as a sorts before, with or after b; both without exponent. */
export function compareDecimals(a: string, b: string): number {
  const scale = Math.max(fractionDigits(a), fractionDigits(b));
  const left = scaled(a, scale);
  const right = scaled(b, scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

function fractionDigits(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

function scaled(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(scale, '0'));
  return text.startsWith('-') ? -value : value;
}
