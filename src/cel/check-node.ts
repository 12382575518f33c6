import { RE2JS } from 're2js';
import { isAttribute } from './attribute.ts';
import type { CelScalar, CelType } from './cel-type.ts';
import { elementOf, listOf, numericTypes } from './cel-type.ts';
import { coerce } from './coerce.ts';
import type { CelEnvironment } from './environment.ts';
import { overloads } from './functions/catalogue.ts';
import { comparable } from './functions/comparison.ts';
import { coordinates } from './functions/coordinates.ts';
import { parseDuration } from './instant.ts';
import { literalOf } from './literal.ts';
import { macroOf } from './macro.ts';
import { madeNode } from './make-node.ts';
import type { CelNode } from './node.ts';
import type { ParsedNode } from './parse.ts';

export interface Checking {
  readonly environment: CelEnvironment;
  /** Takes a problem down and answers nothing, so that it can be returned. */
  readonly report: (at: ParsedNode, message: string, hint: string) => undefined;
}

type Variables = ReadonlyMap<string, CelScalar>;
type Call = {
  readonly function: string;
  readonly target?: ParsedNode;
  readonly args: ParsedNode[];
};

/** A node with its type; undefined where it has none, which has been reported then. */
export function checkNode(
  context: Checking,
  expr: ParsedNode,
  variables: Variables,
): CelNode | undefined {
  const { exprKind } = expr ?? {};
  switch (exprKind?.case) {
    case 'constExpr':
      return checkLiteral(context, expr, exprKind.value.constantKind);
    case 'identExpr':
      return checkVariable(context, expr, exprKind.value.name, variables);
    case 'selectExpr':
      return checkSelect(context, expr, exprKind.value, variables);
    case 'callExpr':
      return checkCall(context, expr, exprKind.value as Call, variables);
    case 'listExpr':
      return checkList(context, expr, exprKind.value.elements, variables);
    case 'comprehensionExpr':
      return checkFold(context, expr, variables);
    default:
      return context.report(
        expr,
        'Maps and messages cannot be written here.',
        'Use fields, texts, numbers and lists.',
      );
  }
}

function checkLiteral(
  context: Checking,
  at: ParsedNode,
  constant: Parameters<typeof literalOf>[0],
) {
  const found = literalOf(constant);
  if ('problem' in found) return context.report(at, found.problem, found.hint);
  return madeNode({ kind: 'literal', value: found.value }, found.type, found.type === 'null');
}

function checkVariable(context: Checking, at: ParsedNode, name: string, variables: Variables) {
  const type = variables.get(name);
  if (type !== undefined) return madeNode({ kind: 'variable', name }, type, false);
  const known = [...context.environment.keys()];
  if (known.includes(name)) {
    return context.report(at, `"${name}" alone is no value.`, `Name a field of it: ${name}.field.`);
  }
  return context.report(at, `"${name}" is not known here.`, `Known are ${known.join(', ')}.`);
}

function checkSelect(
  context: Checking,
  at: ParsedNode,
  {
    operand,
    field,
    testOnly,
  }: { operand?: ParsedNode; readonly field: string; readonly testOnly: boolean },
  variables: Variables,
): CelNode | undefined {
  const { exprKind } = operand ?? {};
  const holder = attributesOf(context, operand, variables);
  if (holder !== undefined) {
    const form = { kind: 'field', root: holder, field, stored: 'attribute' } as const;
    const node = madeNode(form, 'string', false);
    return testOnly ? madeNode({ kind: 'has', operand: node }, 'bool', false) : node;
  }
  const root = exprKind?.case === 'identExpr' ? exprKind.value.name : undefined;
  const fields =
    root === undefined || variables.has(root) ? undefined : context.environment.get(root);
  if (root !== undefined && fields !== undefined) {
    const known = fields.get(field);
    if (known === undefined) {
      const hint = `Fields of ${root} are ${[...fields.keys()].join(', ')}.`;
      return context.report(at, `${root} has no field "${field}".`, hint);
    }
    if (known.stored === 'attributes') {
      const message = `"${root}.${field}" alone is no value.`;
      return context.report(at, message, `Name one of them: ${root}.${field}.region.`);
    }
    const node = madeNode(
      { kind: 'field', root, field, stored: known.stored },
      known.type,
      known.nullable,
    );
    return testOnly ? madeNode({ kind: 'has', operand: node }, 'bool', false) : node;
  }
  const inside = checkNode(context, operand, variables);
  if (inside === undefined) return undefined;
  const coordinate = coordinates.get(field);
  if (inside.type === 'geopoint' && coordinate !== undefined && !testOnly) {
    return madeNode({ kind: 'call', overload: coordinate, args: [inside] }, 'double', false);
  }
  const hint = 'Values of type json are passed on as a whole; a geopoint has lat and lon.';
  return context.report(at, `A value of type ${inside.type} has no field "${field}".`, hint);
}

/** `actor.attributes`, where that is what a field is selected of. */
function attributesOf(
  { environment }: Checking,
  operand: ParsedNode,
  variables: Variables,
): string | undefined {
  if (operand?.exprKind.case !== 'selectExpr') return undefined;
  const { operand: holder, field, testOnly } = operand.exprKind.value;
  if (testOnly || holder?.exprKind.case !== 'identExpr') return undefined;
  const root = holder.exprKind.value.name;
  if (variables.has(root)) return undefined;
  const known = environment.get(root)?.get(field);
  return known?.stored === 'attributes' ? `${root}.${field}` : undefined;
}

function checkList(
  context: Checking,
  at: ParsedNode,
  items: readonly ParsedNode[],
  variables: Variables,
) {
  const elements = items.map((item) => checkNode(context, item, variables));
  if (!elements.every((element) => element !== undefined)) return undefined;
  const [first] = elements;
  const hint = 'A list holds values of one type, and no nulls: ["a", "b"].';
  if (first === undefined) return context.report(at, 'An empty list has no type.', hint);
  const type = listOf(first.type);
  const alike = elements.map((element) => coerce(element, first.type));
  if (type === undefined || alike.some((element) => element.type !== first.type)) {
    return context.report(at, 'The values of a list are not of one type.', hint);
  }
  return madeNode({ kind: 'list', elements: alike }, type, false);
}

function checkFold(context: Checking, at: ParsedNode, variables: Variables): CelNode | undefined {
  const macro = macroOf(at);
  if (macro === undefined) {
    return context.report(
      at,
      'This macro is not known.',
      'Use all, exists, exists_one, filter or map.',
    );
  }
  const given = checkNode(context, macro.list, variables);
  if (given === undefined) return undefined;
  const list = isAttribute(given) ? coerce(given, 'list(string)') : given;
  const element = elementOf(list.type);
  if (element === undefined) {
    return context.report(
      at,
      `${macro.name}() is for lists, not for ${list.type}.`,
      'Name a list.',
    );
  }
  const inner = new Map([...variables, [macro.variable, element]]);
  const condition = macro.condition && checkNode(context, macro.condition, inner);
  const value = macro.value && checkNode(context, macro.value, inner);
  if (macro.condition !== undefined && condition?.type !== 'bool') {
    return condition && mismatch(context, at, macro.name, [condition]);
  }
  if (macro.value !== undefined && value === undefined) return undefined;
  const type = value === undefined ? 'bool' : listOf(value.type);
  if (type === undefined) return value && mismatch(context, at, macro.name, [value]);
  const { variable } = macro;
  return madeNode(
    { kind: 'fold', macro: macro.name, list, variable, condition, value },
    type,
    false,
  );
}

function checkCall(
  context: Checking,
  at: ParsedNode,
  call: Call,
  variables: Variables,
): CelNode | undefined {
  const { function: name, target } = call;
  const parts = target === undefined ? call.args : [target, ...call.args];
  const args = parts.map((part) => checkNode(context, part, variables));
  if (!args.every((arg) => arg !== undefined)) return undefined;
  return logic(name, args) ?? apply(context, at, name, target !== undefined, args);
}

/** What CEL defines for all types, or over errors. */
function logic(name: string, args: CelNode[]): CelNode | undefined {
  const [a, b, c] = args;
  if (a === undefined) return undefined;
  const bool = args.every(({ type }) => type === 'bool');
  if (name === '!_' && bool) return madeNode({ kind: 'not', operand: a }, 'bool', false);
  if (b === undefined) return undefined;
  if ((name === '_&&_' || name === '_||_') && bool) {
    return madeNode(
      { kind: 'logic', operator: name === '_&&_' ? '&&' : '||', args: [a, b] },
      'bool',
      false,
    );
  }
  if (name === '_==_' || name === '_!=_') return equality(a, b, name === '_!=_');
  if (name === '@in') return membership(a, b);
  if (name === '_[_]' && b.type === 'int') {
    const element = elementOf(a.type);
    return element && madeNode({ kind: 'element', list: a, index: b }, element, false);
  }
  if (name === '_+_' && elementOf(a.type) !== undefined && a.type === b.type) {
    return madeNode({ kind: 'join', args: [a, b] }, a.type, false);
  }
  if (name === '_?_:_' && c !== undefined && a.type === 'bool') return choice(a, b, c);
  return undefined;
}

function apply(
  context: Checking,
  at: ParsedNode,
  name: string,
  method: boolean,
  args: readonly CelNode[],
) {
  const [a, b] = args;
  if (name === 'size' && a !== undefined && b === undefined && elementOf(a.type) !== undefined) {
    return madeNode({ kind: 'size', list: a }, 'int', false);
  }
  if (name === 'matches' && a?.type === 'string' && b !== undefined)
    return checkPattern(context, at, a, b);
  if (name === 'duration' && b === undefined && !method) return checkDuration(context, at, a);
  const candidates = (overloads.get(name) ?? []).filter(
    ({ style, params }) =>
      params.length === args.length && (method ? style !== 'function' : style !== 'method'),
  );
  for (const overload of candidates) {
    const fitted = args.map((arg, place) => coerceTo(arg, overload.params[place], args, name));
    if (fitted.every((arg, place) => arg.type === overload.params[place])) {
      return madeNode({ kind: 'call', overload, args: fitted }, overload.result, false);
    }
  }
  return mismatch(context, at, name, args);
}

function checkPattern(
  context: Checking,
  at: ParsedNode,
  text: CelNode,
  given: CelNode,
): CelNode | undefined {
  const pattern = given.kind === 'literal' ? given.value : undefined;
  const hint = 'Give a pattern of RE2 as a text: self.code.matches("^[A-Z]{3}$").';
  if (typeof pattern !== 'string') {
    return context.report(at, 'The pattern of matches() is not a text in quotes.', hint);
  }
  try {
    const compiled = RE2JS.compile(pattern);
    return madeNode({ kind: 'matches', text, pattern, compiled }, 'bool', false);
  } catch {
    return context.report(at, `"${pattern}" is not a pattern that runs in linear time.`, hint);
  }
}

function checkDuration(
  context: Checking,
  at: ParsedNode,
  given: CelNode | undefined,
): CelNode | undefined {
  const text = given?.kind === 'literal' ? given.value : undefined;
  const value = typeof text === 'string' ? parseDuration(text) : undefined;
  if (value !== undefined) return madeNode({ kind: 'literal', value }, 'duration', false);
  const hint = 'Write hours, minutes and seconds: duration("1h30m"), duration("0.5s").';
  return context.report(at, 'The argument of duration() is not a duration in quotes.', hint);
}

function mismatch(
  context: Checking,
  at: ParsedNode,
  name: string,
  args: readonly CelNode[],
): undefined {
  const types = args.map(({ type }) => type).join(', ');
  const known = overloads.has(name) || builtIn.has(name);
  const shown = name.replaceAll('_', '').replace('@', '') || name;
  if (!known) {
    return context.report(at, `There is no function ${name}().`, 'docs/cel.md lists them all.');
  }
  const mixed = args.length === 2 && args.every(({ type }) => numericTypes.has(type));
  const hint = mixed
    ? 'Convert one side: int(), double() or decimal().'
    : 'docs/cel.md says what each operator and function takes.';
  return context.report(at, `${shown} is not defined for (${types}).`, hint);
}

const builtIn: ReadonlySet<string> = new Set([
  ...['!_', '_&&_', '_||_', '_==_', '_!=_', '@in', '_[_]', '_?_:_', 'size', 'matches', 'duration'],
  ...['all', 'exists', 'exists_one', 'map', 'filter'],
]);

/** Next to a decimal a number literal is one too: CEL has no way to write decimals. */
function coerceTo(
  arg: CelNode,
  wanted: CelType | undefined,
  args: readonly CelNode[],
  name: string,
): CelNode {
  const compares = ['_<_', '_<=_', '_>_', '_>=_'].includes(name);
  const others = args.filter((other) => other !== arg);
  if (wanted === undefined || others.every(({ type }) => type !== wanted)) return arg;
  return compares || wanted === 'decimal' ? coerce(arg, wanted) : arg;
}

function equality(a: CelNode, b: CelNode, negated: boolean): CelNode | undefined {
  const [left, right] = [coerce(a, b.type), coerce(b, a.type)];
  const args = left.type === b.type ? ([left, b] as const) : ([a, right] as const);
  const absent = args.some(({ type }) => type === 'null');
  const opaque = args.some(({ type }) => type === 'json' || type === 'geopoint');
  if (!absent && (opaque || !comparable(args[0].type, args[1].type))) return undefined;
  return madeNode({ kind: 'equal', negated, args }, 'bool', false);
}

function membership(item: CelNode, given: CelNode): CelNode | undefined {
  const list = isAttribute(given) ? coerce(given, listOf(item.type) ?? given.type) : given;
  const element = elementOf(list.type);
  if (element === undefined || element === 'json' || element === 'geopoint') return undefined;
  const fitted = coerce(item, element);
  if (fitted.type === element) return madeNode({ kind: 'in', item: fitted, list }, 'bool', false);
  const type = listOf(item.type);
  if (list.kind !== 'list' || type === undefined) return undefined;
  const elements = list.elements.map((one) => coerce(one, item.type));
  if (elements.some((one) => one.type !== item.type)) return undefined;
  return madeNode(
    { kind: 'in', item, list: madeNode({ kind: 'list', elements }, type, false) },
    'bool',
    false,
  );
}

function choice(condition: CelNode, a: CelNode, b: CelNode): CelNode | undefined {
  const left = coerce(a, b.type);
  const right = left.type === b.type ? b : coerce(b, a.type);
  const type = left.type === 'null' ? right.type : left.type;
  if (left.type !== right.type && left.type !== 'null' && right.type !== 'null') return undefined;
  const args = [condition, left, right] as const;
  return madeNode({ kind: 'choice', args }, type, left.nullable || right.nullable);
}
