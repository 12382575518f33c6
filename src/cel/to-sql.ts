import type { CelType, Decimal } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import { decimalText } from './decimal.ts';
import { comparedSql } from './functions/comparison.ts';
import { instantText } from './instant.ts';
import type { CelNode } from './node.ts';
import { postgresPattern } from './postgres-pattern.ts';

export type CelSql =
  | { readonly sql: string; readonly type: CelType }
  | { readonly unsupported: string };

/**
 * An expression over `self` as SQL that never raises an error and is NULL where there is no value or
 * where the value is null. `columnOf` gives a field's column, quoted, and texts are quoted by the one
 * function of schema/identifier.ts. A boolean therefore holds where
 * its SQL IS TRUE, and nowhere else. What SQL cannot say with the same answer is unsupported.
 */
export function celToSql(
  { root }: CheckedCel,
  columnOf: (field: string) => string,
  quoteLiteral: (text: string) => string,
): CelSql {
  try {
    const sql = compile(root, { columnOf, quoteLiteral });
    if (sql.length > sqlLengthMax) return { unsupported: 'it is too long in SQL' };
    return { sql, type: root.type };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    throw error;
  }
}

/**
 * A condition where only true counts, so that false, null and no value need not be kept apart. What
 * is left is plain enough for the planner: it proves `a = 1` from `a = 1`, not from IS NOT DISTINCT.
 */
export function conditionToSql(
  { root, ...rest }: CheckedCel,
  columnOf: (field: string) => string,
  quoteLiteral: (text: string) => string,
): CelSql {
  return celToSql({ ...rest, root: plain(root) }, columnOf, quoteLiteral);
}

function plain(node: CelNode): CelNode {
  if (node.kind === 'logic') return { ...node, args: [plain(node.args[0]), plain(node.args[1])] };
  if (node.kind === 'in') return { ...node, item: { ...node.item, nullable: false } };
  if (node.kind !== 'equal' || node.negated) return node;
  const [a, b] = node.args;
  // Two nulls are equal; beside something that is there, a null is as good as a failure.
  if (a.nullable && b.nullable) return node;
  const [left, right] = [a, b].map((one) => ({ ...one, nullable: false }));
  return left === undefined || right === undefined ? node : { ...node, args: [left, right] };
}

/** Comparisons of what may be null say their operands twice, and those may do so again. */
const sqlLengthMax = 65_536;

/** A whole expression is unsupported as soon as a part of it is. */
class Unsupported extends Error {}

interface Quoting {
  readonly columnOf: (field: string) => string;
  readonly quoteLiteral: (text: string) => string;
}

function compile(node: CelNode, quoting: Quoting): string {
  const { columnOf, quoteLiteral } = quoting;
  const of = (one: CelNode): string => compile(one, quoting);
  switch (node.kind) {
    case 'literal':
      return literalSql(node.type, node.value, quoteLiteral);
    case 'field':
      if (node.root !== 'self') throw new Unsupported(`it uses ${node.root}`);
      return fieldSql(node.stored, columnOf(node.field));
    case 'has':
      return `(${of(node.operand)} is not null)`;
    case 'not':
      return `(not ${of(node.operand)})`;
    case 'logic':
      return `(${of(node.args[0])} ${node.operator === '&&' ? 'and' : 'or'} ${of(node.args[1])})`;
    case 'choice': {
      const [condition, then, otherwise] = node.args.map(of);
      return `case ${condition} when true then ${then} when false then ${otherwise} end`;
    }
    case 'equal':
      return equalSql(node.args, node.negated, of);
    case 'matches': {
      const pattern = postgresPattern(node.pattern);
      if (pattern === undefined)
        throw new Unsupported(`the pattern "${node.pattern}" may mean something else in Postgres`);
      return `(${of(node.text)} collate "C" ~ ${quoteLiteral(pattern)})`;
    }
    case 'in':
      return inSql(node.item, node.list, of);
    case 'list':
      return `array[${node.elements.map((one) => of(whole(one))).join(', ')}]::${sqlTypes[node.type]}`;
    case 'size':
      return `cardinality(${of(node.list)})::bigint`;
    case 'join':
      return `platform.cel_add(${node.args.map(of).join(', ')})`;
    case 'element':
      return elementSql(node.list, node.index, of);
    case 'call': {
      const { overload, args } = node;
      if (overload.sql !== undefined) return overload.sql(...args.map(of));
      throw new Unsupported(`${overload.name}(${overload.params.join(', ')}) differs in Postgres`);
    }
    case 'variable':
    case 'fold':
      throw new Unsupported('macros over lists run in the API alone');
  }
}

/** Whether its SQL may be NULL because there is no value. */
function mayFail(node: CelNode): boolean {
  const over = (nodes: readonly CelNode[]): boolean =>
    nodes.some((one) => one.nullable || mayFail(one));
  switch (node.kind) {
    case 'literal':
    case 'field':
    case 'has':
      return false;
    case 'equal':
      return node.args.some(mayFail);
    case 'in':
      return mayFail(node.item) || over([node.list]);
    case 'not':
      return over([node.operand]);
    case 'matches':
      return over([node.text]);
    case 'list':
      return over(node.elements);
    case 'size':
      return over([node.list]);
    case 'choice':
      return over([node.args[0]]) || mayFail(node.args[1]) || mayFail(node.args[2]);
    case 'logic':
    case 'join':
      return over(node.args);
    case 'call':
      return !node.overload.total || over(node.args);
    case 'element':
    case 'variable':
    case 'fold':
      return true;
  }
}

/** A node whose NULL means one thing alone, where it matters which. */
function clear(node: CelNode): CelNode {
  if (node.nullable && mayFail(node)) {
    throw new Unsupported(
      'a comparison or list holds a choice that may be null and may have no value',
    );
  }
  return node;
}

/** A member of a list: lists with nulls mean something else in SQL. */
function whole(node: CelNode): CelNode {
  if (node.nullable || mayFail(node)) {
    throw new Unsupported('a list holds what may be null or have no value');
  }
  return node;
}

function equalSql(
  [left, right]: readonly [CelNode, CelNode],
  negated: boolean,
  of: (node: CelNode) => string,
): string {
  const [a, b] = [clear(left), clear(right)];
  const literal = [a, b].find(({ type }) => type === 'null');
  if (literal !== undefined) {
    const other = a === literal ? b : a;
    const test = `(${of(other)} is ${negated ? 'not ' : ''}null)`;
    // NULL says here that there is no value: then there is no answer either.
    return mayFail(other) ? `case when ${of(other)} is not null then ${negated} end` : test;
  }
  const [x, y] = comparedSql(a.type, of(a), b.type, of(b));
  if (!a.nullable && !b.nullable) return `(${x} ${negated ? '<>' : '='} ${y})`;
  const distinct = `(${x} is ${negated ? '' : 'not '}distinct from ${y})`;
  const failing = [a, b].filter(mayFail).map((node) => `${of(node)} is not null`);
  return failing.length === 0
    ? distinct
    : `case when ${failing.join(' and ')} then ${distinct} end`;
}

function inSql(given: CelNode, list: CelNode, of: (node: CelNode) => string): string {
  const item = clear(given);
  const found = `(${of(item)} = any (${of(list)}))`;
  // Postgres finds nothing in an empty list, even where there is no value to look for.
  if (mayFail(item)) return `case when ${of(item)} is not null then ${found} end`;
  if (!item.nullable) return found;
  return `case when ${of(list)} is not null then coalesce(${found}, false) end`;
}

/** Subscripts of Postgres count from 1, and are integers of four bytes. */
function elementSql(list: CelNode, index: CelNode, of: (node: CelNode) => string): string {
  const place = index.kind === 'literal' ? Number(index.value) : -1;
  if (index.kind !== 'literal' || place > subscriptMax) {
    throw new Unsupported('an index into a list is not written as a small number');
  }
  return `(${of(list)})[${Math.max(place, -1) + 1}]`;
}

const subscriptMax = 1_000_000;

const sqlTypes: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  string: 'text',
  timestamp: 'timestamptz',
  duration: 'bigint',
  'list(bool)': 'boolean[]',
  'list(int)': 'bigint[]',
  'list(double)': 'double precision[]',
  'list(decimal)': 'numeric[]',
  'list(string)': 'text[]',
  'list(timestamp)': 'timestamptz[]',
  'list(duration)': 'bigint[]',
};

/** Values as the types of the CEL side: a uuid is a text, a date the beginning of its day. */
function fieldSql(stored: string, column: string): string {
  if (stored === 'uuid') return `${column}::text`;
  if (stored === 'date') return `(${column}::timestamp at time zone 'UTC')`;
  return column;
}

function literalSql(type: CelType, value: unknown, quoteLiteral: Quoting['quoteLiteral']): string {
  if (type === 'null') return 'null';
  if (type === 'bool') return String(value);
  return `${quoteLiteral(literalText(type, value))}::${sqlTypes[type]}`;
}

function literalText(type: CelType, value: unknown): string {
  if (type === 'decimal') return decimalText(value as Decimal);
  return type === 'timestamp' ? instantText(value as bigint) : String(value);
}
