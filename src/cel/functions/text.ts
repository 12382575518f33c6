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
    evaluate: (text: string, part: string) => text.includes(part),
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

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
