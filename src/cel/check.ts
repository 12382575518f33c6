import { RE2JS } from 're2js';
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
import type { CelNode, NodeForm } from './node.ts';
import { childrenOf, listItemsMax } from './node.ts';
import type { CelProblem, ParsedNode } from './parse.ts';
import { parseCel, placeOf, tooDeep } from './parse.ts';

export interface CheckedCel {
  readonly source: string;
  readonly type: CelType;
  /** Whether null is among its values. */
  readonly nullable: boolean;
  readonly root: CelNode;
}

/** As resources.md bounds it. */
const depthMax = 10;
/** Each may be as long as a request is: what they make together has to stay in memory. */
const textsMax = 32;
/** Told at once: enough to see what is wrong, few enough to read. */
const problemsMax = 20;
/** Levels with chains counted link by link: what is evaluated or compiled recurses as deep. */
const heightMax = 400;
/** Steps of one evaluation: well below a millisecond, and one macro inside another is over it. */
export const costMax = 100_000;

/**
 * Parses an expression and gives it types, once, at admission. Every problem that can be told from
 * the others comes at once; what is checked here is evaluated and compiled without further questions.
 */
export function checkCel(
  source: string,
  env: CelEnvironment,
): { ok: CheckedCel } | { problems: readonly CelProblem[] } {
  const parsed = parseCel(source);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  const { expr, positions } = parsed.ok;
  const problems: CelProblem[] = [];
  const report = (at: ParsedNode, message: string, hint: string): undefined => {
    const offset = positions[String(at?.id)];
    if (problems.length >= problemsMax) return;
    problems.push({ message, hint, ...(offset !== undefined && placeOf(source, offset)) });
  };
  let root: CelNode | undefined;
  try {
    root = new Checker(env, report).check(expr, noVariables);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problems: [tooDeep] };
  }
  if (root === undefined) return { problems };
  if (root.depth > depthMax || root.height > heightMax) problems.push(tooDeep);
  if (root.texts > textsMax) {
    const message = `The expression may put ${root.texts} texts together; ${textsMax} are allowed.`;
    problems.push({ message, hint: 'Compare or test each text by itself.' });
  }
  if (root.cost > costMax) {
    const message = `The expression may take ${root.cost} steps; ${costMax} are allowed.`;
    const hint = `A macro runs its body for each of up to ${listItemsMax} items: keep macros out of macros.`;
    problems.push({ message, hint });
  }
  if (problems.length > 0) return { problems };
  return { ok: { source, type: root.type, nullable: root.nullable, root } };
}

type Report = (at: ParsedNode, message: string, hint: string) => undefined;
type Variables = ReadonlyMap<string, CelScalar>;
type Call = {
  readonly function: string;
  readonly target?: ParsedNode;
  readonly args: ParsedNode[];
};

const noVariables: Variables = new Map();

/** A class for what each step needs: the environment and where problems go. */
class Checker {
  readonly #env: CelEnvironment;
  readonly #report: Report;

  constructor(env: CelEnvironment, report: Report) {
    this.#env = env;
    this.#report = report;
  }

  check(expr: ParsedNode, variables: Variables): CelNode | undefined {
    const { exprKind } = expr ?? {};
    switch (exprKind?.case) {
      case 'constExpr':
        return this.#literal(expr, exprKind.value.constantKind);
      case 'identExpr':
        return this.#variable(expr, exprKind.value.name, variables);
      case 'selectExpr':
        return this.#select(expr, exprKind.value, variables);
      case 'callExpr':
        return this.#call(expr, exprKind.value as Call, variables);
      case 'listExpr':
        return this.#list(expr, exprKind.value.elements, variables);
      case 'comprehensionExpr':
        return this.#fold(expr, variables);
      default:
        return this.#report(
          expr,
          'Maps and messages cannot be written here.',
          'Use fields, texts, numbers and lists.',
        );
    }
  }

  #literal(at: ParsedNode, constant: Parameters<typeof literalOf>[0]) {
    const found = literalOf(constant);
    if ('problem' in found) return this.#report(at, found.problem, found.hint);
    return made({ kind: 'literal', value: found.value }, found.type, found.type === 'null');
  }

  #variable(at: ParsedNode, name: string, variables: Variables) {
    const type = variables.get(name);
    if (type !== undefined) return made({ kind: 'variable', name }, type, false);
    const known = [...this.#env.keys()];
    if (known.includes(name)) {
      return this.#report(at, `"${name}" alone is no value.`, `Name a field of it: ${name}.field.`);
    }
    return this.#report(at, `"${name}" is not known here.`, `Known are ${known.join(', ')}.`);
  }

  #select(
    at: ParsedNode,
    {
      operand,
      field,
      testOnly,
    }: { operand?: ParsedNode; readonly field: string; readonly testOnly: boolean },
    variables: Variables,
  ): CelNode | undefined {
    const { exprKind } = operand ?? {};
    const root = exprKind?.case === 'identExpr' ? exprKind.value.name : undefined;
    const fields = root === undefined || variables.has(root) ? undefined : this.#env.get(root);
    if (root !== undefined && fields !== undefined) {
      const known = fields.get(field);
      if (known === undefined) {
        const hint = `Fields of ${root} are ${[...fields.keys()].join(', ')}.`;
        return this.#report(at, `${root} has no field "${field}".`, hint);
      }
      const node = made(
        { kind: 'field', root, field, stored: known.stored },
        known.type,
        known.nullable,
      );
      return testOnly ? made({ kind: 'has', operand: node }, 'bool', false) : node;
    }
    const inside = this.check(operand, variables);
    if (inside === undefined) return undefined;
    const coordinate = coordinates.get(field);
    if (inside.type === 'geopoint' && coordinate !== undefined && !testOnly) {
      return made({ kind: 'call', overload: coordinate, args: [inside] }, 'double', false);
    }
    const hint = 'Values of type json are passed on as a whole; a geopoint has lat and lon.';
    return this.#report(at, `A value of type ${inside.type} has no field "${field}".`, hint);
  }

  #list(at: ParsedNode, items: readonly ParsedNode[], variables: Variables) {
    const elements = items.map((item) => this.check(item, variables));
    if (!elements.every((element) => element !== undefined)) return undefined;
    const [first] = elements;
    const hint = 'A list holds values of one type, and no nulls: ["a", "b"].';
    if (first === undefined) return this.#report(at, 'An empty list has no type.', hint);
    const type = listOf(first.type);
    const alike = elements.map((element) => coerce(element, first.type));
    if (type === undefined || alike.some((element) => element.type !== first.type)) {
      return this.#report(at, 'The values of a list are not of one type.', hint);
    }
    return made({ kind: 'list', elements: alike }, type, false);
  }

  #fold(at: ParsedNode, variables: Variables): CelNode | undefined {
    const macro = macroOf(at);
    if (macro === undefined) {
      return this.#report(
        at,
        'This macro is not known.',
        'Use all, exists, exists_one, filter or map.',
      );
    }
    const list = this.check(macro.list, variables);
    if (list === undefined) return undefined;
    const element = elementOf(list.type);
    if (element === undefined) {
      return this.#report(
        at,
        `${macro.name}() is for lists, not for ${list.type}.`,
        'Name a list.',
      );
    }
    const inner = new Map([...variables, [macro.variable, element]]);
    const condition = macro.condition && this.check(macro.condition, inner);
    const value = macro.value && this.check(macro.value, inner);
    if (macro.condition !== undefined && condition?.type !== 'bool') {
      return condition && this.#mismatch(at, macro.name, [condition]);
    }
    if (macro.value !== undefined && value === undefined) return undefined;
    const type = value === undefined ? 'bool' : listOf(value.type);
    if (type === undefined) return value && this.#mismatch(at, macro.name, [value]);
    const { variable } = macro;
    return made({ kind: 'fold', macro: macro.name, list, variable, condition, value }, type, false);
  }

  #call(at: ParsedNode, call: Call, variables: Variables): CelNode | undefined {
    const { function: name, target } = call;
    const parts = target === undefined ? call.args : [target, ...call.args];
    const args = parts.map((part) => this.check(part, variables));
    if (!args.every((arg) => arg !== undefined)) return undefined;
    return this.#logic(name, args) ?? this.#apply(at, name, target !== undefined, args);
  }

  /** What CEL defines for all types, or over errors. */
  #logic(name: string, args: CelNode[]): CelNode | undefined {
    const [a, b, c] = args;
    if (a === undefined) return undefined;
    const bool = args.every(({ type }) => type === 'bool');
    if (name === '!_' && bool) return made({ kind: 'not', operand: a }, 'bool', false);
    if (b === undefined) return undefined;
    if ((name === '_&&_' || name === '_||_') && bool) {
      return made(
        { kind: 'logic', operator: name === '_&&_' ? '&&' : '||', args: [a, b] },
        'bool',
        false,
      );
    }
    if (name === '_==_' || name === '_!=_') return equality(a, b, name === '_!=_');
    if (name === '@in') return membership(a, b);
    if (name === '_[_]' && b.type === 'int') {
      const element = elementOf(a.type);
      return element && made({ kind: 'element', list: a, index: b }, element, false);
    }
    if (name === '_+_' && elementOf(a.type) !== undefined && a.type === b.type) {
      return made({ kind: 'join', args: [a, b] }, a.type, false);
    }
    if (name === '_?_:_' && c !== undefined && a.type === 'bool') return choice(a, b, c);
    return undefined;
  }

  #apply(at: ParsedNode, name: string, method: boolean, args: readonly CelNode[]) {
    const [a, b] = args;
    if (name === 'size' && a !== undefined && b === undefined && elementOf(a.type) !== undefined) {
      return made({ kind: 'size', list: a }, 'int', false);
    }
    if (name === 'matches' && a?.type === 'string' && b !== undefined)
      return this.#matches(at, a, b);
    if (name === 'duration' && b === undefined && !method) return this.#duration(at, a);
    const candidates = (overloads.get(name) ?? []).filter(
      ({ style, params }) =>
        params.length === args.length && (method ? style !== 'function' : style !== 'method'),
    );
    for (const overload of candidates) {
      const fitted = args.map((arg, place) => coerceTo(arg, overload.params[place], args, name));
      if (fitted.every((arg, place) => arg.type === overload.params[place])) {
        return made({ kind: 'call', overload, args: fitted }, overload.result, false);
      }
    }
    return this.#mismatch(at, name, args);
  }

  #matches(at: ParsedNode, text: CelNode, given: CelNode): CelNode | undefined {
    const pattern = given.kind === 'literal' ? given.value : undefined;
    const hint = 'Give a pattern of RE2 as a text: self.code.matches("^[A-Z]{3}$").';
    if (typeof pattern !== 'string') {
      return this.#report(at, 'The pattern of matches() is not a text in quotes.', hint);
    }
    try {
      const compiled = RE2JS.compile(pattern);
      return made({ kind: 'matches', text, pattern, compiled }, 'bool', false);
    } catch {
      return this.#report(at, `"${pattern}" is not a pattern that runs in linear time.`, hint);
    }
  }

  #duration(at: ParsedNode, given: CelNode | undefined): CelNode | undefined {
    const text = given?.kind === 'literal' ? given.value : undefined;
    const value = typeof text === 'string' ? parseDuration(text) : undefined;
    if (value !== undefined) return made({ kind: 'literal', value }, 'duration', false);
    const hint = 'Write hours, minutes and seconds: duration("1h30m"), duration("0.5s").';
    return this.#report(at, 'The argument of duration() is not a duration in quotes.', hint);
  }

  #mismatch(at: ParsedNode, name: string, args: readonly CelNode[]): undefined {
    const types = args.map(({ type }) => type).join(', ');
    const known = overloads.has(name) || builtIn.has(name);
    const shown = name.replaceAll('_', '').replace('@', '') || name;
    if (!known) {
      return this.#report(at, `There is no function ${name}().`, 'docs/cel.md lists them all.');
    }
    const mixed = args.length === 2 && args.every(({ type }) => numericTypes.has(type));
    const hint = mixed
      ? 'Convert one side: int(), double() or decimal().'
      : 'docs/cel.md says what each operator and function takes.';
    return this.#report(at, `${shown} is not defined for (${types}).`, hint);
  }
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
  return made({ kind: 'equal', negated, args }, 'bool', false);
}

function membership(item: CelNode, list: CelNode): CelNode | undefined {
  const element = elementOf(list.type);
  if (element === undefined || element === 'json' || element === 'geopoint') return undefined;
  const fitted = coerce(item, element);
  if (fitted.type === element) return made({ kind: 'in', item: fitted, list }, 'bool', false);
  const type = listOf(item.type);
  if (list.kind !== 'list' || type === undefined) return undefined;
  const elements = list.elements.map((one) => coerce(one, item.type));
  if (elements.some((one) => one.type !== item.type)) return undefined;
  return made(
    { kind: 'in', item, list: made({ kind: 'list', elements }, type, false) },
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
  return made({ kind: 'choice', args }, type, left.nullable || right.nullable);
}

function made(form: NodeForm, type: CelType, nullable: boolean): CelNode {
  const node = { ...form, type, nullable, depth: 0, height: 0, cost: 1, texts: 0 } as CelNode;
  const children = childrenOf(node);
  const height = 1 + children.reduce((highest, child) => Math.max(highest, child.height), 0);
  const depth = children.reduce(
    (deepest, child) => Math.max(deepest, child.depth + (chains(node, child) ? 0 : 1)),
    0,
  );
  const rounds = form.kind === 'fold' ? listItemsMax : 1;
  const cost = children.reduce(
    (sum, child, place) => sum + child.cost * (place === 0 ? 1 : rounds),
    1,
  );
  return { ...node, depth, height, cost, texts: textsOf(node) };
}

/** A field is as long as a request; what is put together of several is as long as all of them. */
function textsOf(node: CelNode): number {
  if (node.kind === 'field' || node.kind === 'variable' || node.kind === 'element') return 1;
  const texts = childrenOf(node).map((child) => child.texts);
  const makes = node.kind === 'join' || node.kind === 'list' || node.kind === 'call';
  const isSum = makes && (node.type === 'string' || elementOf(node.type) !== undefined);
  return isSum ? texts.reduce((sum, one) => sum + one, 0) : Math.max(0, ...texts);
}

/** `a && b && c`, `a + b + c`: one level, however long. */
function chains(node: CelNode, child: CelNode): boolean {
  if (node.kind === 'logic') return child.kind === 'logic' && child.operator === node.operator;
  if (node.kind === 'choice') return child.kind === 'choice' && child === node.args[2];
  if (node.kind === 'join') return child.kind === 'join' && child === node.args[0];
  if (node.kind !== 'call' || child.kind !== 'call' || node.args.length !== 2) return false;
  return (
    child === node.args[0] && child.overload === node.overload && node.overload.style === 'operator'
  );
}
