/** What one pattern may repeat in Postgres, all repetitions multiplied: its automaton unrolls them. */
const repeatsMax = 1_000;
const repeatMax = 255;
const lengthMax = 500;

/**
 * An RE2 pattern as a regular expression of Postgres with the same meaning, or undefined. Taken are
 * characters, classes, groups, alternatives, repetitions and the anchors: for those, whether a text
 * matches does not depend on how an engine searches. `\d`, `\w`, `\s` and `.` are spelled out, since
 * Postgres reads them by locale and newline rules of its own.
 */
export function postgresPattern(pattern: string): string | undefined {
  if (pattern.length > lengthMax) return undefined;
  const reader = { characters: [...pattern], at: 0, repeats: 1 };
  const sql = alternatives(reader, 0);
  return sql === undefined || reader.at < reader.characters.length ? undefined : sql;
}

interface Reader {
  readonly characters: readonly string[];
  at: number;
  /** Product of all repetitions so far. */
  repeats: number;
}

const classes: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' };
/** Groups inside one another. */
const groupsMax = 20;

function alternatives(reader: Reader, depth: number): string | undefined {
  if (depth > groupsMax) return undefined;
  const branches: string[] = [];
  do {
    const branch = sequence(reader, depth);
    if (branch === undefined) return undefined;
    branches.push(branch);
  } while (take(reader, '|'));
  return branches.join('|');
}

function sequence(reader: Reader, depth: number): string | undefined {
  const parts: string[] = [];
  while (reader.at < reader.characters.length && !'|)'.includes(peek(reader))) {
    if (take(reader, '^')) parts.push('^');
    else if (take(reader, '$')) parts.push('$');
    else {
      const atom = readAtom(reader, depth);
      const count = atom === undefined ? undefined : repetition(reader);
      if (atom === undefined || count === undefined) return undefined;
      parts.push(atom + count);
    }
  }
  return parts.length === 0 ? undefined : parts.join('');
}

function readAtom(reader: Reader, depth: number): string | undefined {
  if (take(reader, '.')) return '[^\\n]';
  if (take(reader, '[')) return readClass(reader);
  if (take(reader, '(')) {
    if (take(reader, '?') && !take(reader, ':')) return undefined;
    const inside = alternatives(reader, depth + 1);
    return inside === undefined || !take(reader, ')') ? undefined : `(?:${inside})`;
  }
  if ('*+?{}]'.includes(peek(reader))) return undefined;
  if (!take(reader, '\\')) return literal(next(reader));
  const escaped = next(reader);
  const members = classes[escaped];
  if (members !== undefined) return `[${members}]`;
  return isLetter(escaped) ? undefined : literal(escaped);
}

/** Members are single characters, ranges of them, and `\d`, `\w`, `\s`. */
function readClass(reader: Reader): string | undefined {
  const negated = take(reader, '^') ? '^' : '';
  let members = '';
  while (!take(reader, ']')) {
    const from = readMember(reader);
    if (from === undefined) return undefined;
    if (from.startsWith('set:')) {
      members += from.slice(4);
      continue;
    }
    const isRange = peek(reader) === '-' && reader.characters[reader.at + 1] !== ']';
    if (!isRange) {
      members += literal(from);
      continue;
    }
    reader.at++;
    const to = readMember(reader);
    if (to === undefined || to.startsWith('set:')) return undefined;
    members += `${literal(from)}-${literal(to)}`;
  }
  return members === '' ? undefined : `[${negated}${members}]`;
}

function readMember(reader: Reader): string | undefined {
  const character = next(reader);
  if (character === '' || character === '[') return undefined;
  if (character !== '\\') return character;
  const escaped = next(reader);
  const members = classes[escaped];
  if (members !== undefined) return `set:${members}`;
  return isLetter(escaped) ? undefined : escaped;
}

function repetition(reader: Reader): string | undefined {
  const simple = ['*', '+', '?'].find((one) => take(reader, one));
  const count = simple ?? counted(reader);
  // A second one would make it lazy, or is an error.
  if (count === undefined || (count !== '' && '*+?{'.includes(peek(reader) || ' ')))
    return undefined;
  return count;
}

function counted(reader: Reader): string | undefined {
  if (peek(reader) !== '{') return '';
  const rest = reader.characters.slice(reader.at).join('');
  const match = /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(rest);
  if (match === null) return undefined;
  const [text, from = '0', , to = from] = match;
  reader.at += text.length;
  reader.repeats *= Math.max(1, Number(from), Number(to));
  const fits = Number(from) <= repeatMax && Number(to) <= repeatMax && Number(from) <= Number(to);
  return fits && reader.repeats <= repeatsMax ? text : undefined;
}

/** A character that means itself, in and outside of a class. */
function literal(character: string): string | undefined {
  if (character === '') return undefined;
  return /^[\p{L}\p{N}_ ]$/u.test(character) || character.codePointAt(0)! > 127
    ? character
    : /^[\x21-\x7e]$/.test(character)
      ? `\\${character}`
      : character;
}

function isLetter(character: string): boolean {
  return character === '' || /^[A-Za-z0-9]$/.test(character);
}

function peek({ characters, at }: Reader): string {
  return characters[at] ?? '';
}

function next(reader: Reader): string {
  return reader.characters[reader.at++] ?? '';
}

function take(reader: Reader, character: string): boolean {
  if (peek(reader) !== character) return false;
  reader.at++;
  return true;
}
