/** Days of 0001-01-01T00:00:00Z and of the end of the year 9999, which is all that CEL knows. */
const first = -62_135_596_800_000_000n;
const last = 253_402_300_799_999_999n;

const form =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(?:([Zz])|([+-])(\d{2}):?(\d{2}))$/;

/** Microseconds since 1970 of an RFC 3339 time; undefined for anything else. */
export function parseInstant(text: string): bigint | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', , sign, zoneHour, zoneMinute] =
    match;
  const days = daysOf(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60)
    return undefined;
  const offset = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * (sign === '-' ? -60 : 60);
  const seconds = Number(hour) * 3_600 + Number(minute) * 60 + Number(second) - offset;
  return (BigInt(days) * 86_400n + BigInt(seconds)) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/** The beginning of a day, `2026-11-21`, in UTC. */
export function parseDay(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const days = match === null ? undefined : daysOf(...(match.slice(1).map(Number) as Day));
  return days === undefined ? undefined : BigInt(days) * 86_400_000_000n;
}

/** As the API writes a time: in UTC, with as many digits as it needs. */
export function instantText(micros: bigint): string {
  const whole = floorDivide(micros, 1_000_000n);
  const fraction = String(micros - whole * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const text = new Date(Number(whole) * 1_000).toISOString().slice(0, 19);
  return `${text}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** The instant if CEL has it. */
export function withinTime(micros: bigint): bigint | undefined {
  return micros >= first && micros <= last ? micros : undefined;
}

export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by !== 0n && value < 0n !== by < 0n ? quotient - 1n : quotient;
}

const unitsMicros: Readonly<Record<string, number>> = {
  h: 3_600_000_000,
  m: 60_000_000,
  s: 1_000_000,
  ms: 1_000,
  us: 1,
};

/** `1h30m`, `-1.5s`: microseconds; undefined for another form, or for what is finer. */
export function parseDuration(text: string): bigint | undefined {
  const match = /^(-?)((?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|us|m|s))+)$/.exec(text);
  if (match === null) return undefined;
  let micros = 0n;
  for (const [, amount = '', unit = ''] of (match[2] ?? '').matchAll(/([\d.]+)(h|ms|us|m|s)/g)) {
    const [whole = '', fraction = ''] = amount.split('.');
    const scaled = BigInt(whole + fraction) * BigInt(unitsMicros[unit] ?? 0);
    const divisor = 10n ** BigInt(fraction.length);
    if (scaled % divisor !== 0n) return undefined;
    micros += scaled / divisor;
  }
  return match[1] === '-' ? -micros : micros;
}

type Day = [year: number, month: number, day: number];

/** Days since 1970; undefined for a day that no calendar has. Date.UTC alone would roll over. */
function daysOf(...[year, month, day]: Day): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const real = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? date.getTime() / 86_400_000 : undefined;
}
