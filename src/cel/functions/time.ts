import { floorDivide } from '../instant.ts';
import type { Overload } from './overload.ts';

/** A part of a timestamp, in UTC; another zone would make the answer depend on the zone's rules. */
function part(name: string, of: (date: Date) => number, sql: (utc: string) => string): Overload {
  return {
    ...{ name, params: ['timestamp'], result: 'int', style: 'method', total: true },
    evaluate: (micros: bigint) => BigInt(of(new Date(Number(floorDivide(micros, 1_000n))))),
    sql: (time) => `${sql(`(${time} at time zone 'UTC')`)}::bigint`,
  };
}

const msPerDay = 86_400_000;

export const timeFunctions: readonly Overload[] = [
  part(
    'getFullYear',
    (date) => date.getUTCFullYear(),
    (utc) => `extract(year from ${utc})`,
  ),
  part(
    'getMonth',
    (date) => date.getUTCMonth(),
    (utc) => `(extract(month from ${utc}) - 1)`,
  ),
  part(
    'getDate',
    (date) => date.getUTCDate(),
    (utc) => `extract(day from ${utc})`,
  ),
  part(
    'getDayOfMonth',
    (date) => date.getUTCDate() - 1,
    (utc) => `(extract(day from ${utc}) - 1)`,
  ),
  part(
    'getDayOfWeek',
    (date) => date.getUTCDay(),
    (utc) => `extract(dow from ${utc})`,
  ),
  part('getDayOfYear', dayOfYear, (utc) => `(extract(doy from ${utc}) - 1)`),
  part(
    'getHours',
    (date) => date.getUTCHours(),
    (utc) => `extract(hour from ${utc})`,
  ),
  part(
    'getMinutes',
    (date) => date.getUTCMinutes(),
    (utc) => `extract(minute from ${utc})`,
  ),
  part(
    'getSeconds',
    (date) => date.getUTCSeconds(),
    (utc) => `trunc(extract(second from ${utc}))`,
  ),
  part(
    'getMilliseconds',
    (date) => date.getUTCMilliseconds(),
    (utc) => `(trunc(extract(milliseconds from ${utc})) % 1000)`,
  ),
];

function dayOfYear(date: Date): number {
  const start = new Date(date);
  start.setUTCMonth(0, 1);
  return Math.round((date.getTime() - start.getTime()) / msPerDay);
}
