import type { Overload } from './overload.ts';

const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const lower = upper.toLowerCase();

/** Lengths count code points, as Postgres does in UTF-8. */
export const textFunctions: readonly Overload[] = [
  {
    ...{ name: 'size', params: ['string'], result: 'int', style: 'both', total: true },
    evaluate: (text: string) => BigInt(codePoints(text)),
    sql: (text) => `char_length(${text})::bigint`,
  },
  {
    ...{ name: 'startsWith', params: ['string', 'string'], result: 'bool' },
    ...{ style: 'method', total: true },
    evaluate: (text: string, part: string) => text.startsWith(part),
    sql: (text, part) => `starts_with(${text}, ${part})`,
  },
  {
    ...{ name: 'endsWith', params: ['string', 'string'], result: 'bool' },
    ...{ style: 'method', total: true },
    evaluate: (text: string, part: string) => text.endsWith(part),
    // right() of 0 characters is empty; of a negative number it would be the rest.
    sql: (text, part) => `(right(${text}, char_length(${part})) = ${part})`,
  },
  {
    ...{ name: 'contains', params: ['string', 'string'], result: 'bool' },
    ...{ style: 'method', total: true },
    evaluate: (text: string, part: string) => holdsText(text, part),
    sql: (text, part) => `(strpos(${text}, ${part}) > 0)`,
  },
  {
    ...{ name: 'lowerAscii', params: ['string'], result: 'string' },
    ...{ style: 'method', total: true },
    evaluate: (text: string) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
    sql: (text) => `translate(${text}, '${upper}', '${lower}')`,
  },
  {
    ...{ name: 'upperAscii', params: ['string'], result: 'string' },
    ...{ style: 'method', total: true },
    evaluate: (text: string) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
    sql: (text) => `translate(${text}, '${lower}', '${upper}')`,
  },
];

/** Characters of the one times those of the other that V8's search may take: some 10 ms at worst. */
const searchMax = 10_000_000;

/**
 * V8's own search takes the product of both lengths at worst, 38 s for 500,000 and 200,000, and nothing
 * stops it meanwhile; from there on Knuth, Morris and Pratt take the sum.
 */
function holdsText(text: string, part: string): boolean {
  if (text.length * part.length <= searchMax) return text.includes(part);
  const fallback = new Int32Array(part.length);
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part.charCodeAt(at) !== part.charCodeAt(length))
      length = fallback[length - 1]!;
    if (part.charCodeAt(at) === part.charCodeAt(length)) length++;
    fallback[at] = length;
  }
  for (let at = 0, length = 0; at < text.length; at++) {
    while (length > 0 && text.charCodeAt(at) !== part.charCodeAt(length))
      length = fallback[length - 1]!;
    if (text.charCodeAt(at) === part.charCodeAt(length)) length++;
    if (length === part.length) return true;
  }
  return false;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
