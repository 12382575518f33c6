/** Days per unit. A year counts as 365 days, so that `365d`, `12mo` and `1y` are the same span. */
const daysPerUnit = {
  s: 1 / 86_400,
  m: 1 / 1_440,
  h: 1 / 24,
  d: 1,
  w: 7,
  mo: 365 / 12,
  y: 365,
} as const;

type DurationUnit = keyof typeof daysPerUnit;

/** A duration of a spec (`90d`, `10m`, `5y`) in days; undefined when it is not one. */
export function durationDays(text: string): number | undefined {
  const match = /^([0-9]{1,9})(s|mo|m|h|d|w|y)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * daysPerUnit[match[2] as DurationUnit];
}

/** The same in milliseconds. */
export function durationMs(text: string): number | undefined {
  const days = durationDays(text);
  return days === undefined ? undefined : Math.round(days * 86_400_000);
}
