import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';
import type { Condition } from './condition.ts';
import { parseFilterParam } from './parse-filter-params.ts';
import type { Grouping } from './parse-grouping.ts';
import { parseGrouping } from './parse-grouping.ts';
import { parseWhere, refuseTooMany } from './parse-where.ts';
import { joinPointer } from './pointer.ts';

export type Direction = 'asc' | 'desc';

export interface SortKey {
  readonly field: string;
  readonly direction: Direction;
  /** JSON pointer into the caller's input, for errors. */
  readonly pointer: string;
}

/** A name in the caller's input: of a field, or a dotted path of references. */
export interface NamedAt {
  readonly name: string;
  readonly pointer: string;
}

const countModes = ['none', 'planned', 'exact'] as const;
export type CountMode = (typeof countModes)[number];

/** What a caller asks of a schema's records: well formed, but not yet checked against the schema. */
export interface RecordQuery {
  readonly where?: Condition;
  readonly select?: readonly NamedAt[];
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly cursor?: string;
  readonly offset?: number;
  readonly include: readonly NamedAt[];
  readonly count: CountMode;
  readonly grouping?: Grouping;
}

export const limitDefault = 100;
/** Records a page: what one answer holds in memory, here and at the client. */
export const limitMax = 1_000;
/** Postgres reads every row that it skips; beyond this a cursor is the only sensible way. */
const offsetMax = 10_000;
/** Keys after the first few never decide the order, but each makes every cursor longer. */
const sortKeysMax = 8;
/** Each is a join. */
export const includesMax = 10;
const selectMax = 500;
/** Problems told at once; a body made of nothing but mistakes must not make a larger answer. */
const problemsMax = 100;
/** Cursors carry the last record's sort keys. Ours are far below this unless those are long texts. */
const cursorLengthMax = 16_384;

/** The parameters of `GET {path}`, decoded by the HTTP layer; a repeated one arrives as a list. */
export function parseListParams(
  params: Readonly<Record<string, string | readonly string[] | undefined>>,
): RecordQuery {
  const problems: Problem[] = [];
  const conditions: Condition[] = [];
  const members: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const filter = /^filter\[([^\]]*)\](?:\[([^\]]*)\])?$/.exec(name);
    if (filter !== null) {
      const condition = parseFilterParam({ field: filter[1]!, op: filter[2], value }, problems);
      if (condition !== undefined) conditions.push(condition);
      continue;
    }
    const parse = paramParsers.get(name);
    if (parse === undefined) problems.push(unknownMember(name, [...paramParsers.keys()]));
    else if (typeof value !== 'string' && !listParams.has(name)) {
      problems.push(problem(joinPointer('', name), 'once', `"${name}" is given more than once`));
    } else members[name] = parse(typeof value === 'string' ? value : value.join(','));
  }
  refuseAsOf(members['asOf']);
  refuseTooMany(conditions.length, '/filter', problems);
  const where = conditions.length === 1 ? conditions[0] : { and: conditions };
  return buildQuery({ members, where: conditions.length === 0 ? undefined : where, problems });
}

/** The body of `POST {path}/query`, any JSON value. */
export function parseQueryBody(body: unknown): RecordQuery {
  if (!isObject(body)) {
    throw new VelocityError('BAD_REQUEST', 'The query must be a JSON object.', {
      hint: 'Send {} to ask for the first page of everything.',
    });
  }
  const problems: Problem[] = [];
  for (const name of Object.keys(body)) {
    if (!bodyMembers.includes(name)) problems.push(unknownMember(name, bodyMembers));
  }
  refuseAsOf(body['asOf']);
  const where =
    body['where'] === undefined ? undefined : parseWhere(body['where'], '/where', problems);
  const grouping = parseGrouping(body['groupBy'], body['aggregate'], problems);
  return buildQuery({ members: body, where, grouping, problems });
}

const listParams: ReadonlySet<string> = new Set(['sort', 'select', 'include']);

const bodyMembers: readonly string[] = [
  ...['where', 'select', 'sort', 'limit', 'cursor', 'offset', 'include', 'count', 'asOf'],
  ...['groupBy', 'aggregate'],
];

/** Each parameter as the member that a body would have. What is no number stays text, and is refused. */
const paramParsers: ReadonlyMap<string, (text: string) => unknown> = new Map([
  ['sort', (text: string): unknown => splitList(text).map(parseSortParam)],
  ['select', splitList],
  ['include', splitList],
  ['limit', parseInteger],
  ['cursor', (text: string): unknown => text],
  ['offset', parseInteger],
  ['count', (text: string): unknown => text],
  ['asOf', (text: string): unknown => text],
]);

function parseSortParam(text: string): { field: string; direction: Direction } {
  return text.startsWith('-')
    ? { field: text.slice(1), direction: 'desc' }
    : { field: text, direction: 'asc' };
}

function splitList(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

function parseInteger(text: string): unknown {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function buildQuery(parts: {
  readonly members: Readonly<Record<string, unknown>>;
  readonly where: Condition | undefined;
  readonly grouping?: Grouping | undefined;
  readonly problems: Problem[];
}): RecordQuery {
  const { members, where, grouping, problems } = parts;
  const select =
    members['select'] === undefined
      ? undefined
      : parseNames(members['select'], 'select', selectMax, problems);
  const sort = parseSort(members['sort'], problems);
  const include = parseNames(members['include'] ?? [], 'include', includesMax, problems);
  const limit = parseBounded(members['limit'], { name: 'limit', min: 1, max: limitMax }, problems);
  const offset = parseBounded(
    members['offset'],
    { name: 'offset', min: 0, max: offsetMax },
    problems,
  );
  const cursor = parseCursor(members['cursor'], problems);
  if (cursor !== undefined && offset !== undefined) {
    problems.push(problem('/offset', 'exclusive', 'a cursor and an offset exclude each other'));
  }
  const count = members['count'] ?? 'none';
  if (!isCountMode(count)) {
    problems.push(problem('/count', 'enum', `"count" must be one of ${countModes.join(', ')}`));
  }
  if (problems.length > 0) {
    throw validationError(sentence(problems), problems.slice(0, problemsMax));
  }
  return {
    ...(where === undefined ? {} : { where }),
    ...(select === undefined ? {} : { select }),
    sort,
    limit: limit ?? limitDefault,
    ...(cursor === undefined ? {} : { cursor }),
    ...(offset === undefined ? {} : { offset }),
    include,
    count: isCountMode(count) ? count : 'none',
    ...(grouping === undefined ? {} : { grouping }),
  };
}

function parseNames(value: unknown, member: string, max: number, problems: Problem[]): NamedAt[] {
  const pointer = `/${member}`;
  if (!Array.isArray(value)) {
    problems.push(problem(pointer, 'type', `"${member}" must be a list of names`));
    return [];
  }
  if (value.length > max) {
    problems.push(problem(pointer, 'maxItems', `"${member}" may hold at most ${max} names`));
    return [];
  }
  const names = new Map<string, NamedAt>();
  value.forEach((name: unknown, index) => {
    const at = `${pointer}/${index}`;
    if (typeof name !== 'string' || name === '') {
      problems.push(problem(at, 'type', 'must be a name'));
    } else if (!names.has(name)) names.set(name, { name, pointer: at });
  });
  return [...names.values()];
}

function parseSort(value: unknown, problems: Problem[]): SortKey[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    problems.push(problem('/sort', 'type', '"sort" must be a list of {field, direction}'));
    return [];
  }
  if (value.length > sortKeysMax) {
    problems.push(problem('/sort', 'maxItems', `"sort" may hold at most ${sortKeysMax} fields`));
    return [];
  }
  const keys = new Map<string, SortKey>();
  value.forEach((item: unknown, index) => {
    const pointer = `/sort/${index}`;
    if (!isObject(item)) {
      problems.push(problem(pointer, 'type', 'must be {field, direction}'));
      return;
    }
    for (const name of Object.keys(item)) {
      if (name !== 'field' && name !== 'direction') {
        problems.push(unknownMember(name, ['field', 'direction'], pointer));
      }
    }
    const { field, direction = 'asc' } = item as { field?: unknown; direction?: unknown };
    if (typeof field !== 'string' || field === '') {
      problems.push(problem(`${pointer}/field`, 'type', 'must be the name of a field'));
    } else if (direction !== 'asc' && direction !== 'desc') {
      problems.push(problem(`${pointer}/direction`, 'enum', 'must be asc or desc'));
    } else if (keys.has(field)) {
      problems.push(problem(`${pointer}/field`, 'unique', `"${field}" is sorted by twice`));
    } else keys.set(field, { field, direction, pointer: `${pointer}/field` });
  });
  return [...keys.values()];
}

function parseBounded(
  value: unknown,
  bounds: { readonly name: string; readonly min: number; readonly max: number },
  problems: Problem[],
): number | undefined {
  if (value === undefined) return undefined;
  const { name, min, max } = bounds;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  const hint = name === 'offset' ? { hint: 'Follow pagination.cursor to go further.' } : {};
  problems.push({
    ...problem(`/${name}`, 'range', `"${name}" must be an integer from ${min} to ${max}`),
    ...hint,
  });
  return undefined;
}

function parseCursor(value: unknown, problems: Problem[]): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= cursorLengthMax) return value;
  problems.push(problem('/cursor', 'type', '"cursor" must be a cursor that a list has answered'));
  return undefined;
}

function refuseAsOf(value: unknown): void {
  if (value === undefined) return;
  throw new VelocityError('BAD_REQUEST', 'Records cannot be listed as of a time yet.', {
    details: { pointer: '/asOf' },
    hint: 'asOf arrives with the time machine; leave it out to see the present.',
  });
}

function unknownMember(name: string, known: readonly string[], parent = ''): Problem {
  return {
    ...problem(joinPointer(parent, name), 'unknown', `"${name}" is unknown here`),
    hint: `Known: ${known.join(', ')}.`,
  };
}

function problem(pointer: string, rule: string, message: string): Problem {
  return { pointer, rule, message };
}

function sentence(problems: readonly Problem[]): string {
  const more = problems.length - 1;
  return `The query is not valid: ${problems[0]!.message}${more > 0 ? ` (and ${more} more)` : ''}.`;
}

function isCountMode(value: unknown): value is CountMode {
  return countModes.some((mode) => mode === value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
