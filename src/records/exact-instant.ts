/** Nanoseconds: finer than Postgres keeps, so that no two instants that differ there are equal here. */
const fractionDigits = 9;

/** Negative, zero or positive, as RFC 3339 time a lies before, at or after b; NaN if one is none. */
export function compareInstants(a: string, b: string): number {
  const [left, right] = [instantOf(a), instantOf(b)];
  if (left === undefined || right === undefined) return Number.NaN;
  return left.seconds !== right.seconds
    ? left.seconds - right.seconds
    : left.fraction - right.fraction;
}

/** Date.parse alone would drop all below a millisecond. */
function instantOf(text: string): { seconds: number; fraction: number } | undefined {
  const match = /^(.{19})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})$/i.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', zone = ''] = match;
  const seconds = Date.parse(`${whole.replace(' ', 'T')}${zone}`);
  if (Number.isNaN(seconds)) return undefined;
  return {
    seconds,
    fraction: Number(fraction.padEnd(fractionDigits, '0').slice(0, fractionDigits)),
  };
}
