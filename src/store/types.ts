import pg from 'pg';

const { builtins } = pg.types;

/** Postgres writes `2026-11-21 01:40:27.5+00`; the platform speaks RFC 3339. Sessions are in UTC. */
function rfc3339(text: string): string {
  return text.includes('infinity') ? text : `${text.replace(' ', 'T').replace(/\+00(:00)?$/, '')}Z`;
}

/** A number where it is one exactly, the digits as a string beyond 2^53. */
function bigint(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

const identity = (text: string): string => text;

const parsers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, bigint],
  [builtins.NUMERIC, identity],
  [builtins.TIMESTAMPTZ, rfc3339],
  [builtins.TIMESTAMP, identity],
  [builtins.DATE, identity],
]);

/** How column values become JavaScript values, for every connection of the store. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: unknown) {
    return parsers.get(oid) ?? pg.types.getTypeParser(oid, format as 'text');
  },
};
