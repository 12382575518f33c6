import type { Problem } from '../../errors.ts';
import { joinPointer } from '../../query/pointer.ts';

/** Enough to mend a request by; a body with thousands of problems need not list them all. */
const problemsMax = 100;

/**
 * Numbers that a double cannot hold and members that occur twice, which a parsed value no longer
 * shows. `text` must be valid JSON of bounded depth: only tokens are told apart here.
 */
export function findJsonProblems(text: string): Problem[] {
  const problems: Problem[] = [];
  let at = 0;

  const skipSpace = () => {
    while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
  };
  const readString = (): string => {
    const start = at;
    for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
    at++;
    return JSON.parse(text.slice(start, at)) as string;
  };
  const readScalar = (): string => {
    const start = at;
    while (at < text.length && !',]} \t\n\r'.includes(text.charAt(at))) at++;
    return text.slice(start, at);
  };
  const report = (pointer: string, rule: string, message: string, hint: string) => {
    if (problems.length < problemsMax) problems.push({ pointer, rule, message, hint });
  };

  const walk = (pointer: string): void => {
    skipSpace();
    const first = text[at];
    if (first === '{' || first === '[') {
      const close = first === '{' ? '}' : ']';
      const seen = new Set<string>();
      at++;
      skipSpace();
      for (let index = 0; text[at] !== close; index++) {
        let key = String(index);
        if (first === '{') {
          key = readString();
          skipSpace();
          at++; // the colon
          if (seen.has(key)) {
            report(joinPointer(pointer, key), 'unique-member', 'occurs twice', 'keep one of them');
          }
          seen.add(key);
        }
        walk(joinPointer(pointer, key));
        skipSpace();
        if (text[at] === ',') at++;
        skipSpace();
      }
      at++;
      return;
    }
    if (first === '"') {
      readString();
      return;
    }
    const scalar = readScalar();
    if (/^-?\d/.test(scalar) && !survivesDouble(scalar)) {
      const kept = Number(scalar);
      const message = Number.isFinite(kept) ? `would become ${kept}` : 'is too large for a number';
      report(pointer, 'number-precision', message, 'send it as a string');
    }
  };

  walk('');
  return problems;
}

/** Whether the double nearest to the number is written with the same digits. */
export function survivesDouble(source: string): boolean {
  const value = Number(source);
  return Number.isFinite(value) && canonical(source) === canonical(String(value));
}

/** `-1.50e2` and `-150` are both `-15e1`. */
function canonical(source: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source);
  if (!match) return source;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${scale}`;
}
