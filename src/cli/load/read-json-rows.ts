import { CommandFailure } from '../failures.ts';
import { typedValue } from '../typed-value.ts';
import type { ColumnMap } from './map-columns.ts';
import type { Row } from './row.ts';
import { rowCharactersMax } from './row.ts';

/** One JSON object a line. */
export async function* readNdjsonRows(
  text: AsyncIterable<string>,
  map: ColumnMap,
): AsyncGenerator<Row> {
  let line = 0;
  let rest = '';
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > rowCharactersMax) throw rowTooLong(line + 1);
    for (const content of lines) {
      line++;
      if (content.trim() !== '') yield toRow(line, content, map);
    }
  }
  if (rest.trim() !== '') yield toRow(line + 1, rest, map);
}

/**
 * The members of one JSON array of any length: cut at the commas of depth 1, so that no more than
 * one member is in memory. What lies between is left to JSON.parse.
 */
export async function* readJsonArrayRows(
  text: AsyncIterable<string>,
  map: ColumnMap,
): AsyncGenerator<Row> {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let line = 1;
  let member = '';
  let memberLine = 1;
  let ended = false;
  for await (const chunk of text) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const character = chunk[at]!;
      if (character === '\n') line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (character === '\\') escaped = true;
        else if (character === '"') inString = false;
        continue;
      }
      if (isSpace(character)) continue;
      if (ended || (depth === 0 && character !== '[')) throw notAnArray(line);
      if (character === '"') inString = true;
      else if (character === '[' || character === '{') {
        depth++;
        if (depth === 1) from = at + 1;
        else if (depth === 2) memberLine = line;
      } else if (character === ']' || character === '}') depth--;
      const cut = (character === ',' && depth === 1) || depth === 0;
      if (!cut) continue;
      member += chunk.slice(from, at);
      from = at + 1;
      ended = depth === 0;
      if (member.trim() !== '' || !ended) yield toRow(memberLine, member, map);
      member = '';
    }
    if (!ended && depth > 0) member += chunk.slice(from);
    if (member.length > rowCharactersMax) throw rowTooLong(memberLine);
  }
  if (!ended)
    throw new CommandFailure(`the JSON array does not end (line ${line}): is the file whole?`);
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t';
}

/** The text itself goes to the API, so that large numbers keep every digit; unless it is mapped. */
function toRow(line: number, content: string, map: ColumnMap): Row {
  const text = content.trim();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {
      line,
      json: undefined,
      unreadable: { reason: `is not valid JSON: ${(error as Error).message}`, text },
    };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { line, json: undefined, unreadable: { reason: 'is not a JSON object', text } };
  }
  if (map.size === 0) return { line, json: text };
  return { line, json: JSON.stringify(mapMembers(value as Record<string, unknown>, map)) };
}

function mapMembers(record: Record<string, unknown>, map: ColumnMap): Record<string, unknown> {
  const mapped = { ...record };
  for (const [columns, field] of map) {
    const names = Object.hasOwn(record, columns) ? [columns] : columns.split(',');
    const values = names.map((name) => record[name.trim()]);
    for (const name of names) delete mapped[name.trim()];
    if (field === '' || values.every((value) => value === undefined || value === null)) continue;
    mapped[field] = values.length === 1 ? values[0] : typedValue('geopoint', values.join(','));
  }
  return mapped;
}

function rowTooLong(line: number): CommandFailure {
  return new CommandFailure(
    `the row at line ${line} is longer than ${rowCharactersMax} characters`,
    {
      hint: 'Is it really one row? Check --format.',
    },
  );
}

function notAnArray(line: number): CommandFailure {
  return new CommandFailure(`line ${line} is not part of one JSON array`, {
    hint: 'For one object a line use --format ndjson.',
  });
}
