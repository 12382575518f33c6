import { createHash } from 'node:crypto';

/** Postgres cuts identifiers after this many bytes, silently; we never let it. */
const identifierBytesMax = 63;

/** The one quoting function: every identifier that reaches SQL passes here. */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) throw new Error('an identifier cannot hold NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteQualified(namespace: string, name: string): string {
  return `${quoteIdentifier(namespace)}.${quoteIdentifier(name)}`;
}

/** A string as a SQL literal, for DDL, which takes no parameters. */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new Error('a literal cannot hold NUL');
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/**
 * A resource name as a Postgres name: `-` becomes `_`. Beyond 63 bytes the end is replaced by ten
 * hex digits of the SHA-256 of the whole, so that the name is stable and does not collide.
 */
export function postgresName(...parts: string[]): string {
  const name = parts.join('_').replaceAll('-', '_');
  if (Buffer.byteLength(name) <= identifierBytesMax) return name;
  const digest = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 10);
  return `${name.slice(0, identifierBytesMax - digest.length - 1)}_${digest}`;
}
