import type { ValueType } from './schema-fields.ts';

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  yes: true,
  y: true,
  '1': true,
  false: false,
  f: false,
  no: false,
  n: false,
  '0': false,
};

/**
 * A text from a CSV cell or the command line as the API wants it. What does not fit its type stays
 * the text it was: the API then refuses it with its own reason. Empty is null.
 */
export function typedValue(type: ValueType, text: string): unknown {
  if (text === '') return null;
  switch (type) {
    case 'text':
      return text;
    case 'integer':
      return integer(text);
    case 'number':
      return finite(text);
    case 'boolean':
      return truths[text.trim().toLowerCase()] ?? text;
    case 'json':
      return json(text) ?? text;
    case 'geopoint':
      return geopoint(text);
    case 'texts':
      return list(text);
    case 'integers':
      return list(text).map((member) => (typeof member === 'string' ? integer(member) : member));
  }
}

/** Beyond 2^53 an integer travels as a string of digits. */
function integer(text: string): number | string {
  const digits = text.trim();
  if (!/^[+-]?\d+$/.test(digits)) return text;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : digits;
}

function finite(text: string): number | string {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : text;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `lat,lon` in degrees, also with a space, a semicolon or as JSON. */
function geopoint(text: string): unknown {
  if (text.trimStart().startsWith('{')) return json(text) ?? text;
  const [lat = '', lon = '', ...rest] = text.trim().split(/\s*[,;]\s*|\s+/);
  const point = { lat: finite(lat), lon: finite(lon) };
  const whole = typeof point.lat === 'number' && typeof point.lon === 'number';
  return whole && rest.length === 0 ? point : text;
}

/** A JSON array, or members with semicolons between. */
function list(text: string): unknown[] {
  const parsed = text.trimStart().startsWith('[') ? json(text) : undefined;
  return Array.isArray(parsed) ? parsed : text.split(';').map((member) => member.trim());
}
