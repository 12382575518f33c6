import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { ClaimMapping } from '../../contract/kinds.ts';

/** The claims of a verified token. */
export type Claims = Readonly<Record<string, unknown>>;

export type ReadClaim = (claims: Claims) => ClaimReading;

export interface ClaimReading {
  /** In the token's order; none where the token says nothing. */
  readonly values: readonly ClaimValue[];
  /** Several are possible, though it may hold one: `["eu"]` stays a list. */
  readonly isList: boolean;
}

type ClaimValue = string | number | boolean;

type Transform = NonNullable<Exclude<ClaimMapping, string>['transform']>;

/** Answers a function from values to values, or what is wrong with the arguments. */
type CompileTransform = (args: unknown) => Apply | string;
type Apply = (values: readonly ClaimValue[]) => readonly ClaimValue[];

/** Longest text of a claim that is looked at: a name or a role, not a document. */
const textLengthMax = 4_096;
/** Values of one claim: providers name groups by the hundred, and each is compared on every request. */
const claimValuesMax = 512;
const separatorDefault = ' ';

/** Thrown where a token's claim is over the bounds: cutting it would change what it says. */
export class ClaimOverBounds extends Error {}

/**
 * A claim mapping of an AuthStrategy as a function, or a sentence about what is wrong with it. Values
 * that a transform does not fit, a number to be split for example, are left out: whatever is not
 * understood grants nothing.
 */
export function compileClaimMapping(mapping: ClaimMapping): ReadClaim | string {
  const given: Partial<Exclude<ClaimMapping, string>> =
    typeof mapping === 'string' ? { path: mapping } : mapping;
  const { path, transform = 'identity', args } = given;
  if (typeof path !== 'string' || path === '' || path.length > textLengthMax) {
    return 'A claim mapping is a path, or {path, transform, args} with a path.';
  }
  if (!Object.hasOwn(transforms, transform)) {
    return `There is no transform ${JSON.stringify(transform)}; there are ${Object.keys(transforms).join(', ')}.`;
  }
  const apply = transforms[transform](args);
  if (typeof apply === 'string') return `${transform}: ${apply}`;
  const makesList = listTransforms.has(transform) || hasListIn(args);
  return (claims) => {
    const claim = claimAt(claims, path);
    const values = apply(valuesOf(claim));
    if (values.length > claimValuesMax) {
      throw new ClaimOverBounds(`The claim ${path} holds more than ${claimValuesMax} values.`);
    }
    return { values, isList: makesList || Array.isArray(claim) };
  };
}

const listTransforms: ReadonlySet<Transform> = new Set(['split', 'static_append']);

function hasListIn(args: unknown): boolean {
  return isObject(args) && Object.values(args).some((value) => Array.isArray(value));
}

/** The claim of that very name, else names separated by dots: `realm_access.roles`. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

function valuesOf(claim: unknown): readonly ClaimValue[] {
  const list = Array.isArray(claim) ? claim : [claim];
  if (list.length > claimValuesMax) {
    throw new ClaimOverBounds(`A claim holds more than ${claimValuesMax} values.`);
  }
  return list.filter(
    (value): value is ClaimValue =>
      (typeof value === 'string' && value.length <= textLengthMax) ||
      typeof value === 'number' ||
      typeof value === 'boolean',
  );
}

const transforms: Readonly<Record<Transform, CompileTransform>> = {
  identity: () => (values) => values,
  prefix_strip: (args) => {
    const prefix = textOf(args, 'prefix');
    if (prefix === undefined) return 'args is the prefix, a text that is not empty.';
    // What has not got the prefix is somebody else's: stripping nothing would let it in.
    return eachText((text) => (text.startsWith(prefix) ? [text.slice(prefix.length)] : []));
  },
  split: (args) => {
    const separator = args === undefined ? separatorDefault : textOf(args, 'separator');
    if (separator === undefined) return 'args is the separator, a text that is not empty.';
    return eachText((text) => text.split(separator));
  },
  uppercase: () => eachText((text) => [text.toUpperCase()]),
  lowercase: () => eachText((text) => [text.toLowerCase()]),
  lookup: (args) => {
    const table = tableOf(args);
    if (table === undefined) return 'args is a table: what a token says, and the value or values.';
    return (values) => values.flatMap((value) => table.get(String(value)) ?? []);
  },
  regex_extract: (args) => {
    const pattern = textOf(args, 'pattern');
    if (pattern === undefined) return 'args is the expression, a text that is not empty.';
    const regex = compileRegex(pattern);
    if (typeof regex === 'string') return regex;
    return eachText((text) => {
      const matcher = regex.matcher(text);
      if (!matcher.find()) return [];
      const found = matcher.group(matcher.groupCount() > 0 ? 1 : 0);
      return found === null || found === undefined ? [] : [found];
    });
  },
  static_append: (args) => {
    const added = textsOf(args);
    if (added === undefined) return 'args is the value to add, or a list of them.';
    return (values) => [...values, ...added];
  },
};

/** Empty texts grant nothing and name nobody. */
function eachText(apply: (text: string) => readonly string[]): Apply {
  return (values) =>
    values.flatMap((value) => (typeof value === 'string' ? apply(value) : [])).filter(Boolean);
}

/** Linear time, whatever the token says. */
function compileRegex(pattern: string): RE2JS | string {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return `the expression does not run in linear time: ${error.message}. Use the syntax of RE2.`;
  }
}

/** `args` itself, or its member of that name. */
function textOf(args: unknown, member: string): string | undefined {
  const text = isObject(args) && Object.hasOwn(args, member) ? args[member] : args;
  return typeof text === 'string' && text !== '' && text.length <= textLengthMax ? text : undefined;
}

function textsOf(args: unknown): string[] | undefined {
  const list = Array.isArray(args) ? args : [args];
  const fits = list.length > 0 && list.length <= claimValuesMax;
  return fits && list.every((one) => typeof one === 'string' && one !== '')
    ? (list as string[])
    : undefined;
}

function tableOf(args: unknown): ReadonlyMap<string, readonly string[]> | undefined {
  if (!isObject(args) || Object.keys(args).length === 0) return undefined;
  const table = new Map<string, readonly string[]>();
  for (const [from, to] of Object.entries(args)) {
    const values = textsOf(to);
    if (values === undefined) return undefined;
    table.set(from, values);
  }
  return table;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
