import { parseDecimal } from './decimal.ts';
import { parseDay, parseInstant } from './instant.ts';

/** A field's value in JSON as the value that expressions see; undefined for what is not of its type. */
export function valueOfField(stored: string, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (stored) {
    case 'bigint':
      return integer(value);
    case 'numeric':
      return parseDecimal(String(value));
    case 'double precision':
      return typeof value === 'number' ? value : undefined;
    case 'date':
      return parseDay(String(value));
    case 'timestamptz':
      return parseInstant(String(value));
    case 'uuid':
      return String(value).toLowerCase();
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'text[]':
      return isTexts(value) ? value : undefined;
    case 'bigint[]': {
      const items = Array.isArray(value) ? value.map(integer) : [undefined];
      return items.includes(undefined) ? undefined : items;
    }
    default:
      return value;
  }
}

/** A null among them can only come from outside of the API. */
function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function integer(value: unknown): bigint | undefined {
  const text = String(value);
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
