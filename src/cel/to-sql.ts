import { isAttribute } from './attribute.ts';
import type { CelType } from './cel-type.ts';
import type { CheckedCel } from './check.ts';
import { comparedSql } from './functions/comparison.ts';
import type { CelNode, FieldOf, Fold } from './node.ts';
import { postgresPattern } from './postgres-pattern.ts';
import { sqlText, sqlTypes } from './sql-value.ts';

export type CelSql =
  | { readonly sql: string; readonly type: CelType }
  | { readonly unsupported: string };

/** What only a statement has: a constraint or an index knows no caller and takes no sub-select. */
export interface InStatement {
  /** A value that the caller brings, as a parameter of the type of the node. */
  readonly parameterOf: (field: CelNode & FieldOf) => string;
}

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
  inStatement?: InStatement,
): CelSql {
  try {
    const scope = { columnOf, quoteLiteral, inStatement, variables: noVariables, folds: 0 };
    const sql = compile(root, scope);
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
  inStatement?: InStatement,
): CelSql {
  return celToSql({ ...rest, root: plain(root) }, columnOf, quoteLiteral, inStatement);
}

const noVariables: ReadonlyMap<string, string> = new Map();

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

interface Scope {
  readonly columnOf: (field: string) => string;
  readonly quoteLiteral: (text: string) => string;
  readonly inStatement: InStatement | undefined;
  /** What macros around this call their items, as SQL. */
  readonly variables: ReadonlyMap<string, string>;
  /** Macros around this. */
  readonly folds: number;
}

function compile(node: CelNode, scope: Scope): string {
  const { columnOf, quoteLiteral, inStatement } = scope;
  const of = (one: CelNode): string => compile(one, scope);
  switch (node.kind) {
    case 'literal':
      return literalSql(node.type, node.value, quoteLiteral);
    case 'field':
      if (node.root === 'self') return fieldSql(node.stored, columnOf(node.field));
      if (inStatement !== undefined && node.root !== 'old') return inStatement.parameterOf(node);
      throw new Unsupported(`it uses ${node.root}`);
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
      return scope.variables.get(node.name) ?? 'null';
    case 'fold':
      if (inStatement !== undefined) return foldSql(node, scope);
      throw new Unsupported('macros over lists are no part of a constraint or an index');
  }
}

/** Whether its SQL may be NULL because there is no value. */
function mayFail(node: CelNode): boolean {
  const over = (nodes: readonly CelNode[]): boolean =>
    nodes.some((one) => one.nullable || mayFail(one));
  switch (node.kind) {
    case 'literal':
    case 'has':
    case 'variable':
      return false;
    case 'field':
      return isAttribute(node);
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

/**
 * A macro as a sub-select over the items. As everywhere NULL is no value, which an item that decides
 * alone absorbs; a list that is not there has no items, but no answer either.
 */
function foldSql(node: CelNode & Fold, scope: Scope): string {
  const { macro, list, variable, condition, value, type } = node;
  const [whole, item] = [`l${scope.folds}`, `i${scope.folds}`];
  const inner = {
    ...scope,
    variables: new Map([...scope.variables, [variable, `${item}.v`]]),
    folds: scope.folds + 1,
  };
  const holds = condition === undefined ? 'true' : compile(condition, inner);
  const made = value === undefined ? 'null' : compile(value, inner);
  return (
    `(select case when ${whole}.v is not null then (select ${foldAnswer(macro, type)} from ` +
    `(select ${item}.n, ${holds} as h, ${made} as m ` +
    `from unnest(${whole}.v) with ordinality as ${item} (v, n)) as a) end ` +
    // The cast keeps `= any (…)` from reading the rows of the sub-select instead of its list.
    `from (select ${compile(list, scope)} as v) as ${whole})::${sqlTypes[type]}`
  );
}

/** Over what each item gave: whether the condition `h` holds, and the value `m`. */
function foldAnswer(macro: Fold['macro'], type: CelType): string {
  switch (macro) {
    case 'all':
      return 'case when bool_or(a.h is false) then false when bool_or(a.h is null) then null else true end';
    case 'exists':
      return 'case when bool_or(a.h) then true when bool_or(a.h is null) then null else false end';
    case 'exists_one':
      return 'case when bool_or(a.h is null) then null else count(*) filter (where a.h) = 1 end';
    case 'map':
      return (
        'case when bool_or(a.h is null or (a.h and a.m is null)) then null ' +
        `else coalesce(array_agg(a.m order by a.n) filter (where a.h), '{}')::${sqlTypes[type]} end`
      );
  }
}

/** Values as the types of the CEL side: a uuid is a text, a date the beginning of its day. */
function fieldSql(stored: string, column: string): string {
  if (stored === 'uuid') return `${column}::text`;
  if (stored === 'date') return `(${column}::timestamp at time zone 'UTC')`;
  return column;
}

function literalSql(type: CelType, value: unknown, quoteLiteral: Scope['quoteLiteral']): string {
  if (type === 'null') return 'null';
  if (type === 'bool') return String(value);
  return `${quoteLiteral(sqlText(type, value))}::${sqlTypes[type]}`;
}
