import type { ErrorObject } from 'ajv';
import type { Problem } from '../errors.ts';
import { nearestName } from './nearest-name.ts';

/** Lists of names longer than this are left out of hints: nobody reads them. */
const listedNamesMax = 20;

/** Longest part of a wrong value that a message repeats. */
const quotedLengthMax = 60;

/** What the patterns of crds/ mean in words. A test fails when one of them is missing here. */
export const patternMeanings: Readonly<Record<string, string>> = {
  '^[a-z][a-z0-9-]*$': 'lower-case letters, digits and hyphens, a letter first: purchase-order',
  '^[a-z][a-z0-9_]*$': 'lower-case letters, digits and underscores, a letter first: order_date',
  '^[a-z][a-z0-9_-]*$': 'lower-case letters, digits, hyphens and underscores, a letter first',
  '^(\\*|[a-z][a-z0-9-]*)$': 'the name of a schema, or * for all of them',
  '^v[1-9][0-9]*$': 'v and a number: v1',
  '^[1-9][0-9]*(s|m|h|d|w|mo|y)$': 'an integer and s, m, h, d, w, mo or y: 90d',
  '^[0-9]+(\\.[0-9]+)?m?$': 'an amount of cpu: 500m or 2',
  '^[0-9]+(\\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$': 'an amount of memory: 256Mi',
  '^[0-9a-fA-F:.]+/[0-9]{1,3}$': 'a network in CIDR form: 10.0.0.0/8',
  '^https?://': 'an address that starts with https://',
  '^(CRON_TZ=[A-Za-z0-9_+/-]+ )?[^ ]+( [^ ]+){4}$':
    'five cron fields, a time zone before them: CRON_TZ=Europe/Berlin 0 2 * * *',
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$':
    'a condition type in CamelCase: Ready',
  '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$': 'one CamelCase word: ParentMissing',
};

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'nothing',
};

/** One of Ajv's errors as a sentence: what was wrong, where, and what would be right. */
export function manifestProblem(error: ErrorObject): Problem {
  const { keyword, instancePath: pointer, params, data } = error;
  const problem = (message: string, hint?: string, rule = keyword): Problem =>
    hint === undefined ? { pointer, rule, message } : { pointer, rule, message, hint };

  switch (keyword) {
    case 'required':
      return {
        ...problem(`${params['missingProperty']} is required`),
        pointer: `${pointer}/${escapePointer(params['missingProperty'])}`,
      };
    case 'additionalProperties':
      return unknownField(error);
    case 'type':
      return problem(`must be ${typeNames[params['type']]}, not ${typeOf(data)}${unquoted(error)}`);
    case 'enum':
      return problem(
        `${quote(data)} is not allowed here`,
        allowedValues(data, params['allowedValues']),
      );
    case 'const':
      return problem(`must be ${quote(params['allowedValue'])}, not ${quote(data)}`);
    case 'pattern':
      return problem(`${quote(data)} is not well formed`, patternMeanings[params['pattern']]);
    case 'format':
      return problem(`${quote(data)} is not a time`, 'RFC 3339: 2026-01-31T12:00:00Z');
    case 'minLength':
      return problem('must not be empty');
    case 'maxLength':
      return problem(`is longer than ${params['limit']} characters`);
    case 'minimum':
    case 'maximum':
      return problem(`${quote(data)} must be ${params['comparison']} ${params['limit']}`);
    case 'minItems':
      return problem(`needs at least ${params['limit']} item${params['limit'] === 1 ? '' : 's'}`);
    case 'maxItems':
    case 'maxProperties':
      return problem(`holds more than ${params['limit']} entries`);
    case 'uniqueItems':
      return problem(`items ${params['j']} and ${params['i']} are the same`);
    case 'uniqueKeys':
      return repeatedKey(error);
    case 'anyOf':
      return problem('fits none of the forms allowed here', 'a path, or {path, transform, args}');
    default:
      return problem(error.message ?? 'is not valid');
  }
}

function unknownField(error: ErrorObject): Problem {
  const name = String(error.params['additionalProperty']);
  const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object);
  const near = nearestName(name, known);
  const pointer = `${error.instancePath}/${escapePointer(name)}`;
  const message = `${quote(name)} is not a field of this object`;
  if (near !== undefined) {
    return { pointer, rule: 'unknown-field', message, hint: `did you mean ${near}?` };
  }
  return {
    pointer,
    rule: 'unknown-field',
    message,
    ...(known.length <= listedNamesMax ? { hint: `known are: ${known.join(', ')}` } : {}),
  };
}

function allowedValues(data: unknown, allowed: readonly unknown[]): string {
  const names = allowed.map(String);
  const near = typeof data === 'string' ? nearestName(data, names) : undefined;
  const list = names.length <= listedNamesMax ? `one of: ${names.join(', ')}` : undefined;
  return [near === undefined ? undefined : `did you mean ${near}?`, list]
    .filter((part) => part !== undefined)
    .join(' ');
}

/** Ajv says only that some items collide; the pointer names the first that repeats an earlier one. */
function repeatedKey(error: ErrorObject): Problem {
  const keys = error.schema as readonly string[];
  const seen = new Set<string>();
  for (const [index, item] of (error.data as readonly Record<string, unknown>[]).entries()) {
    if (typeof item !== 'object' || item === null) continue;
    const values = keys.map((key) => item[key]);
    const identity = JSON.stringify(values);
    if (seen.has(identity)) {
      const pointer = `${error.instancePath}/${index}/${keys[0]}`;
      return { pointer, rule: 'unique', message: `${quote(values[0])} is there twice` };
    }
    seen.add(identity);
  }
  return { pointer: error.instancePath, rule: 'unique', message: 'holds an entry twice' };
}

/** YAML reads `version: 1` as a number and `no` as text; say so where that is the likely cause. */
function unquoted(error: ErrorObject): string {
  const scalar = typeof error.data === 'number' || typeof error.data === 'boolean';
  return error.params['type'] === 'string' && scalar
    ? ` (write '${String(error.data)}' in quotes)`
    : '';
}

function typeOf(data: unknown): string {
  if (data === null) return 'nothing';
  if (Array.isArray(data)) return 'a list';
  return typeNames[typeof data] ?? typeof data;
}

function quote(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > quotedLengthMax ? `${json.slice(0, quotedLengthMax)}…` : json;
}

function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
