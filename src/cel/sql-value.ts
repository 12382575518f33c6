import type { CelType, Decimal } from './cel-type.ts';
import { elementOf } from './cel-type.ts';
import { decimalText } from './decimal.ts';
import { instantText } from './instant.ts';

/** What each type is in Postgres. */
export const sqlTypes: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  string: 'text',
  timestamp: 'timestamptz',
  duration: 'bigint',
  'list(bool)': 'boolean[]',
  'list(int)': 'bigint[]',
  'list(double)': 'double precision[]',
  'list(decimal)': 'numeric[]',
  'list(string)': 'text[]',
  'list(timestamp)': 'timestamptz[]',
  'list(duration)': 'bigint[]',
};

/** A plain value as the text that Postgres reads as its type. */
export function sqlText(type: CelType, value: unknown): string {
  if (type === 'decimal') return decimalText(value as Decimal);
  return type === 'timestamp' ? instantText(value as bigint) : String(value);
}

/** A value as a parameter of a statement; lists travel as arrays of texts. */
export function sqlParameter(type: CelType, value: unknown): string | string[] | null {
  if (value === undefined || value === null) return null;
  const element = elementOf(type);
  if (element === undefined) return sqlText(type, value);
  return (value as readonly unknown[]).map((item) => sqlText(element, item));
}
